// Going from one stack to another. A sum over a million numbers does it some ten million times, and the C library's own way asks
// the kernel each time, so x86-64 has a short way here.
#pragma once
#include <cstddef>
#include <cstdint>

#ifdef __x86_64__

// Where a stack was left: everything else lies on it.
struct Place {
    void *stack;
};

// Leaves the registers that a function has to keep on the old stack, and takes them from the new one.
extern "C" void standin_go(void **from, void *to);
asm(R"(
    .text
    .type standin_go, @function
standin_go:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
)");

static inline void go(Place &from, Place &to) {
    standin_go(&from.stack, to.stack);
}

// Room for the six registers, then where to go on, then nowhere to return to.
static inline void begin_at(Place &place, void (*function)(), void *stack, size_t bytes) {
    uintptr_t *top = static_cast<uintptr_t *>(stack) + bytes / sizeof(uintptr_t);
    top[-2] = reinterpret_cast<uintptr_t>(function);
    place.stack = top - 8;
}

#else
#include <ucontext.h>

struct Place {
    ucontext_t context;
};

static inline void go(Place &from, Place &to) {
    swapcontext(&from.context, &to.context);
}

static inline void begin_at(Place &place, void (*function)(), void *stack, size_t bytes) {
    getcontext(&place.context);
    place.context.uc_stack.ss_sp = stack;
    place.context.uc_stack.ss_size = bytes;
    place.context.uc_link = nullptr;
    makecontext(&place.context, function, 0);
}

#endif
