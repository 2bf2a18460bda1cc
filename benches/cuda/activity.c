// What a program that uses CUDA does on the GPU: kernels, copies, memsets and, unless PROF_NO_CALLS is set, calls of the driver, each with how
// often, nanoseconds and bytes, as lines of PROF_OUT. CUPTI's activity records tell it, and the driver loads this library:
//
//   newest() { grep -ohE "CUpti_Activity$1[0-9]+\b" "$CUDA/include/cupti_activity.h" | sort -uV | tail -n 1; }
//   records="-DKERNEL=$(newest Kernel) -DMEMCPY=$(newest Memcpy) -DMEMSET=$(newest Memset)"
//   gcc -shared -fPIC -O2 $records -I"$CUDA/include" -o activity.so benches/cuda/activity.c -L"$CUDA/lib" -lcupti
//   CUDA_INJECTION64_PATH=$PWD/activity.so PROF_OUT=9.txt sdtrain ... --steps 9
//
// by_step.py takes two such files.
#define _GNU_SOURCE
#include <cupti.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <pthread.h>
#include <unistd.h>

// More than there are kinds of kernels and calls.
#define N 65536
static struct { char *name; uint64_t n, ns, bytes; } table[N];
// A profile that lacks something would look like a program that does less.
static void check(CUptiResult result, const char *what) {
    if (result == CUPTI_SUCCESS) return;
    fprintf(stderr, "activity: %s: CUPTI error %d\n", what, result);
    _exit(3);
}
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void add(const char *kind, const char *name, uint64_t ns, uint64_t bytes) {
    char key[512];
    snprintf(key, sizeof key, "%s %s", kind, name ? name : "?");
    uint64_t h = 1469598103934665603ULL;
    for (char *c = key; *c; c++) h = (h ^ (unsigned char)*c) * 1099511628211ULL;
    size_t i = h % N;
    while (table[i].name && strcmp(table[i].name, key)) i = (i + 1) % N;
    if (!table[i].name) table[i].name = strdup(key);
    table[i].n++, table[i].ns += ns, table[i].bytes += bytes;
}
static void CUPTIAPI ask(uint8_t **b, size_t *s, size_t *n) { *s = 16 << 20; *b = aligned_alloc(64, *s); *n = 0; }
static void CUPTIAPI done(CUcontext c, uint32_t st, uint8_t *b, size_t s, size_t valid) {
    CUpti_Activity *r = NULL;
    size_t dropped = 0;
    check(cuptiActivityGetNumDroppedRecords(c, st, &dropped), "dropped records");
    if (dropped) fprintf(stderr, "activity: %zu records were dropped\n", dropped);
    pthread_mutex_lock(&lock);
    while (cuptiActivityGetNextRecord(b, valid, &r) == CUPTI_SUCCESS) {
        if (r->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
            KERNEL *k = (void *)r;
            add("kernel", k->name, k->end - k->start, 0);
        } else if (r->kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
            MEMCPY *m = (void *)r;
            const char *way = m->copyKind == CUPTI_ACTIVITY_MEMCPY_KIND_HTOD ? "HtoD"
                              : m->copyKind == CUPTI_ACTIVITY_MEMCPY_KIND_DTOH ? "DtoH"
                              : m->copyKind == CUPTI_ACTIVITY_MEMCPY_KIND_DTOD ? "DtoD" : "other";
            add("copy", way, m->end - m->start, m->bytes);
        } else if (r->kind == CUPTI_ACTIVITY_KIND_MEMSET) {
            MEMSET *m = (void *)r;
            add("set", "memset", m->end - m->start, m->bytes);
        } else if (r->kind == CUPTI_ACTIVITY_KIND_DRIVER) {
            CUpti_ActivityAPI *a = (void *)r;
            const char *name = NULL;
            cuptiGetCallbackName(CUPTI_CB_DOMAIN_DRIVER_API, a->cbid, &name);
            add("call", name, a->end - a->start, 0);
        }
    }
    pthread_mutex_unlock(&lock);
    free(b);
}
static void finish(void) {
    check(cuptiActivityFlushAll(1), "flush");
    const char *path = getenv("PROF_OUT");
    FILE *f = fopen(path ? path : "prof.txt", "w");
    if (!f) perror("activity"), _exit(3);
    for (size_t i = 0; i < N; i++)
        if (table[i].name) fprintf(f, "%lu\t%lu\t%lu\t%s\n", table[i].n, table[i].ns, table[i].bytes, table[i].name);
    fclose(f);
}
int InitializeInjection(void) {
    const CUpti_ActivityKind kinds[] = {CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY, CUPTI_ACTIVITY_KIND_MEMSET,
                                        CUPTI_ACTIVITY_KIND_DRIVER};
    const size_t n = getenv("PROF_NO_CALLS") ? 3 : 4;
    check(cuptiActivityRegisterCallbacks(ask, done), "callbacks");
    for (size_t i = 0; i < n; i++) check(cuptiActivityEnable(kinds[i]), "enable");
    atexit(finish);
    return 1;
}
