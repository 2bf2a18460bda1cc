// The driver's small change: one device with memory pools, streams and events that never have to wait.
#include "device.h"

#include <cstdlib>

namespace {
char context, stream, event; // only their addresses matter
}

EXPORT Result cuInit(unsigned) {
    return SUCCESS;
}
EXPORT Result cuDeviceGetCount(int *count) {
    *count = 1;
    return SUCCESS;
}
EXPORT Result cuDeviceGet(int *device, int number) {
    *device = number;
    return number == 0 ? SUCCESS : wrong(INVALID_DEVICE, "there is one device, number 0");
}
// Without memory pools (SEMDEPTH_STANDIN_POOLS=0), cudarc takes the synchronous functions.
EXPORT Result cuDeviceGetAttribute(int *value, int attribute, int) {
    const int memory_pools = 115;
    if (attribute != memory_pools) return wrong(NOT_SUPPORTED, "device attribute " + std::to_string(attribute));
    const char *pools = getenv("SEMDEPTH_STANDIN_POOLS");
    *value = pools ? atoi(pools) : 1;
    return SUCCESS;
}
EXPORT Result cuDevicePrimaryCtxRetain(void **to, int) {
    *to = &context;
    return SUCCESS;
}
EXPORT Result cuDevicePrimaryCtxRelease_v2(int) {
    return SUCCESS;
}
EXPORT Result cuCtxSetCurrent(void *) {
    return SUCCESS;
}
EXPORT Result cuStreamCreate(void **to, unsigned) {
    *to = &stream;
    return SUCCESS;
}
EXPORT Result cuStreamDestroy_v2(void *) {
    return SUCCESS;
}
EXPORT Result cuStreamSynchronize(void *) {
    count("waited for the device");
    return SUCCESS;
}
EXPORT Result cuStreamWaitEvent(void *, void *, unsigned) {
    count("stream waits for event");
    return SUCCESS;
}
EXPORT Result cuEventCreate(void **to, unsigned) {
    *to = &event;
    return SUCCESS;
}
EXPORT Result cuEventRecord(void *, void *) {
    return SUCCESS;
}
EXPORT Result cuEventDestroy_v2(void *) {
    return SUCCESS;
}
EXPORT Result cuGetErrorName(int, const char **name) {
    *name = "STANDIN";
    return SUCCESS;
}
EXPORT Result cuGetErrorString(int, const char **text) {
    *text = "the stand-in said on stderr what is wrong";
    return SUCCESS;
}
