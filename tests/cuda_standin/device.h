// What the files of the stand-in share. The codes are those of cuda.h and cublas_api.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#define EXPORT extern "C" __attribute__((visibility("default")))

enum Result {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    NOT_FOUND = 500,
    NOT_SUPPORTED = 801,
};

// Says on stderr what is wrong, and hands back the code.
Result wrong(Result code, const std::string &what);

// memory.cpp: whether these bytes lie in one live allocation; else says so on stderr.
bool in_device_memory(const void *from, size_t bytes, const char *what);

// counts.cpp: figures for the table, and where in the program they arose.
void count(const std::string &what, uint64_t amount = 0);
void count_allocation(int64_t bytes);

// launch.cpp: the kernel that runs now, or null.
extern const char *running;
