// The words of CUDA C for kernels that g++ compiles for the processor: nvcc (beside this folder) puts this before dfdx's own
// sources, which stay as they are. The threads of a block run one after another, so atomic operations are plain ones, and memory
// that a block shares is a static variable. What a kernel needs of the driver is below "How a kernel is run".
#pragma once

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <type_traits>
#include <utility>

#define __CUDA_ARCH__ 900
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static
#ifdef STANDIN_LIST
#define __global__ STANDIN_KERNEL // nvcc finds the names of kernels by this
#else
#define __global__
#endif

struct standin_dim {
    unsigned x, y, z;
};
static standin_dim threadIdx, blockIdx, blockDim, gridDim;

// max and min, of two numbers of one type as nvcc has them. A mixed pair does not compile, rather than meaning something else.
template <class T> static inline T max(T a, T b) { return a < b ? b : a; }
template <class T> static inline T min(T a, T b) { return b < a ? b : a; }

template <class To, class From> static inline To standin_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "a value keeps its bits");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
static inline int __float_as_int(float a) { return standin_bits<int>(a); }
static inline unsigned __float_as_uint(float a) { return standin_bits<unsigned>(a); }
static inline float __int_as_float(int a) { return standin_bits<float>(a); }
static inline float __uint_as_float(unsigned a) { return standin_bits<float>(a); }
static inline long long __double_as_longlong(double a) { return standin_bits<long long>(a); }
static inline double __longlong_as_double(long long a) { return standin_bits<double>(a); }

// Each returns what was there before.
template <class T> static inline T standin_swap(T *at, T value) {
    T old = *at;
    *at = value;
    return old;
}
// The value has the type of what it is added to, as with nvcc's own.
template <class T> struct standin_same {
    typedef T type;
};
template <class T> static inline T atomicAdd(T *at, typename standin_same<T>::type value) {
    return standin_swap(at, static_cast<T>(*at + value));
}
template <class T> static inline T atomicMax(T *at, typename standin_same<T>::type value) {
    return standin_swap(at, max(*at, value));
}
template <class T> static inline T atomicMin(T *at, typename standin_same<T>::type value) {
    return standin_swap(at, min(*at, value));
}
template <class T>
static inline T atomicCAS(T *at, typename standin_same<T>::type expected, typename standin_same<T>::type value) {
    return standin_swap(at, *at == expected ? value : *at);
}

// How a kernel is run.

// A block of threads on its way. `next` is the first thread that nothing has begun yet.
struct standin_block {
    void **parameters;
    standin_dim grid, size, at;
    unsigned next, threads;
};

// Comes back when all threads of the block have called it or ended (launch.cpp).
extern "C" __attribute__((visibility("default"))) void standin_wait();

static inline void __syncthreads() {
    standin_dim mine = threadIdx; // others run meanwhile
    standin_wait();
    threadIdx = mine;
}

// Begins the threads of a block one after another. When one of them waits, launch.cpp calls this again for those that are left.
template <auto kernel, class... A, size_t... I>
static inline void standin_run(void (*)(A...), standin_block &block, std::index_sequence<I...>) {
    blockIdx = block.at;
    blockDim = block.size;
    gridDim = block.grid;
    while (block.next < block.threads) {
        unsigned thread = block.next++;
        threadIdx = {thread, 0, 0};
        if (blockDim.x != block.threads)
            threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / blockDim.x / blockDim.y};
        kernel(*static_cast<std::remove_const_t<A> *>(block.parameters[I])...);
    }
}
template <auto kernel, class... A> static inline void standin_run(void (*typed)(A...), standin_block &block) {
    standin_run<kernel>(typed, block, std::index_sequence_for<A...>());
}
// One for each kernel; cuModuleGetFunction looks for it by this name.
#define STANDIN_EXPORT(kernel)                                                                                                   \
    extern "C" __attribute__((visibility("default"))) void standin_run_##kernel(standin_block &block) {                          \
        standin_run<kernel>(kernel, block);                                                                                      \
    }
