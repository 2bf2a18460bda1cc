// Device memory is memory of the processor. Fresh memory is all ones (no number, as floats), so what is read before it is written
// shows. Copies have to stay within one allocation. With SEMDEPTH_STANDIN_GUARD=1 each allocation ends where a page that may not
// be touched begins, and goes away when it is freed: a kernel that reads or writes past its end, or later, ends the program.
// SEMDEPTH_STANDIN_MEMORY says of how many bytes the device has (usual: as many as the processor gives).
#include "device.h"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

namespace {

std::mutex lock;
std::map<uintptr_t, size_t> live;
const bool guarded = getenv("SEMDEPTH_STANDIN_GUARD") != nullptr;
const size_t capacity = getenv("SEMDEPTH_STANDIN_MEMORY") ? strtoull(getenv("SEMDEPTH_STANDIN_MEMORY"), nullptr, 10) : SIZE_MAX;
size_t used = 0;

// Bytes of the pages that an allocation takes, the untouchable one left out.
size_t pages(size_t bytes) {
    return (bytes + 4095) / 4096 * 4096;
}

// A real device aligns to 256 bytes. Here the end of the memory is what matters, so only 8 can be kept.
void *take_guarded(size_t bytes) {
    size_t room = pages(bytes);
    void *start = mmap(nullptr, room + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return nullptr;
    char *first = static_cast<char *>(start);
    mprotect(first + room, 4096, PROT_NONE);
    return first + room - (bytes + 7) / 8 * 8;
}

void give_back(uintptr_t at, size_t bytes) {
    if (!guarded) return free(reinterpret_cast<void *>(at));
    munmap(reinterpret_cast<void *>(at / 4096 * 4096), pages(bytes) + 4096);
}

// Says which kernel touched what it may not, then ends as usual.
void fault(int number) {
    const char *parts[] = {"stand-in: memory that is not the device's was touched in ", running ? running : "no kernel", "\n"};
    for (const char *part : parts)
        if (write(2, part, strlen(part)) < 0) break;
    signal(number, SIG_DFL);
}

Result allocate(uint64_t *at, size_t bytes) {
    *at = 0;
    count("memory: allocated", bytes);
    // dfdx asks for nothing each time it drops a tensor. Drivers with memory pools allow that (without, it is an error).
    if (bytes == 0) return SUCCESS;
    std::lock_guard<std::mutex> guard(lock);
    if (bytes > capacity - used) return wrong(OUT_OF_MEMORY, std::to_string(bytes) + " bytes do not fit");
    void *taken = guarded ? take_guarded(bytes) : aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!taken) return wrong(OUT_OF_MEMORY, "no memory for " + std::to_string(bytes) + " bytes");
    memset(taken, 0xFF, bytes);
    *at = reinterpret_cast<uintptr_t>(taken);
    used += bytes;
    if (guarded && live.empty()) signal(SIGSEGV, fault);
    live[*at] = bytes;
    count_allocation(static_cast<int64_t>(bytes));
    return SUCCESS;
}

Result release(uint64_t at) {
    if (at == 0) return SUCCESS;
    std::lock_guard<std::mutex> guard(lock);
    auto found = live.find(at);
    if (found == live.end()) return wrong(INVALID_VALUE, "freed what is not allocated");
    count_allocation(-static_cast<int64_t>(found->second));
    used -= found->second;
    give_back(at, found->second);
    live.erase(found);
    return SUCCESS;
}

void *pointer(uint64_t at) {
    return reinterpret_cast<void *>(at);
}

Result fill(uint64_t at, unsigned char value, size_t bytes) {
    count("memory: filled", bytes);
    if (!in_device_memory(pointer(at), bytes, "memset")) return INVALID_VALUE;
    if (bytes) memset(pointer(at), value, bytes);
    return SUCCESS;
}

Result to_device(uint64_t to, const void *from, size_t bytes) {
    count("copied: host to device", bytes);
    if (!in_device_memory(pointer(to), bytes, "copy to the device")) return INVALID_VALUE;
    if (bytes) memcpy(pointer(to), from, bytes);
    return SUCCESS;
}

Result to_host(void *to, uint64_t from, size_t bytes) {
    count("copied: device to host", bytes);
    if (!in_device_memory(pointer(from), bytes, "copy from the device")) return INVALID_VALUE;
    if (bytes) memcpy(to, pointer(from), bytes);
    return SUCCESS;
}

Result within(uint64_t to, uint64_t from, size_t bytes) {
    count("copied: device to device", bytes);
    if (!in_device_memory(pointer(to), bytes, "copy to") || !in_device_memory(pointer(from), bytes, "copy from"))
        return INVALID_VALUE;
    if (bytes) memmove(pointer(to), pointer(from), bytes);
    return SUCCESS;
}

} // namespace

bool in_device_memory(const void *from, size_t bytes, const char *what) {
    if (bytes == 0) return true;
    std::lock_guard<std::mutex> guard(lock);
    uintptr_t at = reinterpret_cast<uintptr_t>(from);
    auto next = live.upper_bound(at);
    if (next != live.begin()) {
        auto [start, size] = *std::prev(next);
        if (at - start + bytes <= size) return true;
    }
    wrong(INVALID_VALUE, std::string(what) + ": " + std::to_string(bytes) + " bytes do not lie in one allocation");
    return false;
}

// What the driver calls asynchronous is done at once.
EXPORT Result cuMemAlloc_v2(uint64_t *at, size_t bytes) {
    return bytes ? allocate(at, bytes) : wrong(INVALID_VALUE, "cuMemAlloc of nothing");
}
EXPORT Result cuMemAllocAsync(uint64_t *at, size_t bytes, void *) {
    return allocate(at, bytes);
}
EXPORT Result cuMemFree_v2(uint64_t at) {
    return release(at);
}
EXPORT Result cuMemFreeAsync(uint64_t at, void *) {
    return release(at);
}
EXPORT Result cuMemsetD8_v2(uint64_t at, unsigned char value, size_t bytes) {
    return fill(at, value, bytes);
}
EXPORT Result cuMemsetD8Async(uint64_t at, unsigned char value, size_t bytes, void *) {
    return fill(at, value, bytes);
}
EXPORT Result cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
    return to_device(to, from, bytes);
}
EXPORT Result cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *) {
    return to_device(to, from, bytes);
}
EXPORT Result cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
    return to_host(to, from, bytes);
}
EXPORT Result cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *) {
    return to_host(to, from, bytes);
}
EXPORT Result cuMemcpyDtoD_v2(uint64_t to, uint64_t from, size_t bytes) {
    return within(to, from, bytes);
}
EXPORT Result cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *) {
    return within(to, from, bytes);
}
