// What the stand-in has not: cuda-standin.sh makes a MISSING line for every function that cudarc declares. They are weak, so the
// functions that there are come before them.
#include "device.h"

static int missing(const char *name) {
    const std::string text = name;
    wrong(NOT_SUPPORTED, "there is no " + text);
    const int not_supported_by_cublas = 15, internal_error_of_nvrtc = 11;
    if (text.rfind("cublas", 0) == 0) return not_supported_by_cublas;
    return text.rfind("nvrtc", 0) == 0 ? internal_error_of_nvrtc : NOT_SUPPORTED;
}

#define MISSING(name)                                                                                                            \
    EXPORT __attribute__((weak)) int name() {                                                                                    \
        return missing(#name);                                                                                                   \
    }
