// Modules are shared objects that nvcc (beside this file) made. A launch runs the blocks of a grid one after another, and the
// threads of a block likewise, on a stack of their own: when one waits for the others (__syncthreads), its stack is left as it is
// and another goes on with the threads that are left. So a kernel whose threads do not wait costs hardly more than a loop.
#include "device.h"
#include "include/standin.h"
#include "switch.h"

#include <cstdio>
#include <dlfcn.h>
#include <memory>
#include <mutex>
#include <sys/mman.h>
#include <vector>

const char *running = nullptr;

namespace {

typedef void (*Entry)(standin_block &);

struct Function {
    std::string name;
    Entry entry;
};

struct Module {
    std::string name;
    void *handle;
    std::vector<std::unique_ptr<Function>> functions;
};

// A stack that kernels run on. It lives as long as the program.
struct Fiber {
    Place place;
    bool waits = false;
};

// What runs now: all of it belongs to the one launch that holds the lock.
std::mutex one_launch;
Place scheduler;
std::vector<std::unique_ptr<Fiber>> fibers;
Fiber *current;
standin_block *block;
Entry entry;

void leave() {
    go(current->place, scheduler);
}

void live() {
    for (;;) {
        entry(*block);
        current->waits = false;
        leave();
    }
}

// The fiber of this number, made when it is first needed: no more than the threads of the largest block.
Fiber &fiber(size_t number) {
    if (number == fibers.size()) {
        const size_t bytes = 128 << 10;
        void *stack = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        fibers.push_back(std::make_unique<Fiber>());
        begin_at(fibers.back()->place, live, stack, bytes);
    }
    return *fibers[number];
}

// Runs until it waits or has no thread left; says whether it waits.
bool go_on(Fiber &fiber) {
    current = &fiber;
    fiber.waits = false;
    go(scheduler, fiber.place);
    return fiber.waits;
}

// A barrier opens when every thread has reached it or ended, as on GPUs since 2017.
void run_block(standin_block &next) {
    block = &next;
    size_t waiting = 0;
    while (next.next < next.threads) waiting += go_on(fiber(waiting));
    while (waiting) {
        size_t again = 0;
        for (size_t i = 0; i < waiting; i++)
            if (go_on(*fibers[i])) std::swap(fibers[again++], fibers[i]);
        waiting = again;
    }
}

std::string without_folder(const std::string &path) {
    return path.substr(path.rfind('/') + 1);
}

bool allowed(standin_dim grid, standin_dim size) {
    auto in = [](unsigned n, unsigned most) { return 0 < n && n <= most; };
    return in(grid.x, 0x7FFFFFFF) && in(grid.y, 65535) && in(grid.z, 65535) && in(size.x, 1024) && in(size.y, 1024) &&
           in(size.z, 64) && size.x * size.y * size.z <= 1024;
}

} // namespace

EXPORT void standin_wait() {
    current->waits = true;
    leave();
}

// The image is the text that nvcc wrote: it names the shared object.
EXPORT Result cuModuleLoadData(Module **module, const void *image) {
    char path[4096] = "";
    if (sscanf(static_cast<const char *>(image), "stand-in %4095s", path) != 1)
        return wrong(INVALID_IMAGE, "this module was made by a real CUDA compiler");
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return wrong(INVALID_IMAGE, dlerror());
    std::string file = without_folder(path);
    *module = new Module{file.substr(0, file.find('.')), handle, {}};
    return SUCCESS;
}

EXPORT Result cuModuleUnload(Module *module) {
    dlclose(module->handle);
    delete module;
    return SUCCESS;
}

EXPORT Result cuModuleGetFunction(Function **function, Module *module, const char *name) {
    void *found = dlsym(module->handle, (std::string("standin_run_") + name).c_str());
    if (!found) return wrong(NOT_FOUND, "there is no kernel " + std::string(name) + " in " + module->name);
    std::string whole = module->name + "/" + name;
    module->functions.push_back(std::make_unique<Function>(Function{whole, reinterpret_cast<Entry>(found)}));
    *function = module->functions.back().get();
    return SUCCESS;
}

EXPORT Result cuLaunchKernel(Function *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                             unsigned block_y, unsigned block_z, unsigned shared, void *, void **parameters, void **extra) {
    const standin_dim grid{grid_x, grid_y, grid_z}, size{block_x, block_y, block_z};
    if (!allowed(grid, size)) return wrong(INVALID_VALUE, "grid or block of " + function->name);
    if (shared || extra) return wrong(NOT_SUPPORTED, "shared memory or packed parameters for " + function->name);
    const unsigned threads = size.x * size.y * size.z;
    count("kernel: " + function->name, uint64_t(grid.x) * grid.y * grid.z * threads);

    std::lock_guard<std::mutex> guard(one_launch);
    running = function->name.c_str();
    entry = function->entry;
    standin_dim at;
    for (at.z = 0; at.z < grid.z; at.z++)
        for (at.y = 0; at.y < grid.y; at.y++)
            for (at.x = 0; at.x < grid.x; at.x++) {
                standin_block next{parameters, grid, size, at, 0, threads};
                run_block(next);
            }
    running = nullptr;
    return SUCCESS;
}
