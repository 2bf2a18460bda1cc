// Counts what the program asks of the device. With SEMDEPTH_STANDIN_COUNTS=FILE, FILE gets a table when the program ends: how
// often, how much (bytes, threads or multiplications), what. With SEMDEPTH_STANDIN_PLACES=FILE, FILE gets each of these with the
// return addresses that led there, for places.py.
#include "device.h"

#include <cstdio>
#include <cstdlib>
#include <execinfo.h>
#include <map>
#include <mutex>
#include <unistd.h>
#include <vector>

namespace {

struct Figure {
    uint64_t times = 0, amount = 0;
};

struct Counts {
    std::mutex lock;
    std::map<std::string, Figure> figures;
    std::map<std::pair<std::string, std::vector<void *>>, Figure> places;
    int64_t live = 0, peak = 0, live_bytes = 0, peak_bytes = 0;
    const char *table = getenv("SEMDEPTH_STANDIN_COUNTS"), *trace = getenv("SEMDEPTH_STANDIN_PLACES");

    // Ends with the process, so nothing is counted after it.
    ~Counts() {
        write_table();
        write_places();
    }

    void write_table() {
        FILE *file = table ? fopen(table, "w") : nullptr;
        if (!file) return;
        for (auto &[what, figure] : figures)
            fprintf(file, "%10lu %16lu  %s\n", figure.times, figure.amount, what.c_str());
        fprintf(file, "%10ld %16ld  memory: most at once\n", peak, peak_bytes);
        fprintf(file, "%10ld %16ld  memory: left at the end\n", live, live_bytes);
        fclose(file);
    }

    void write_places() {
        FILE *file = trace ? fopen(trace, "w") : nullptr;
        if (!file) return;
        char program[4096] = "";
        if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) perror("/proc/self/exe");
        fprintf(file, "program %s\n", program);
        for (auto &[place, figure] : places) {
            fprintf(file, "%lu %lu %s\n", figure.times, figure.amount, place.first.c_str());
            char **names = backtrace_symbols(place.second.data(), static_cast<int>(place.second.size()));
            for (size_t i = 0; names && i < place.second.size(); i++) fprintf(file, "  %s\n", names[i]);
            free(names);
        }
        fclose(file);
    }
};

// Made at its first use, which may come before this file's own start.
Counts &counts() {
    static Counts counts;
    return counts;
}

void add(Figure &figure, uint64_t amount) {
    figure.times++;
    figure.amount += amount;
}

} // namespace

void count(const std::string &what, uint64_t amount) {
    Counts &all = counts();
    std::lock_guard<std::mutex> guard(all.lock);
    add(all.figures[what], amount);
    if (!all.trace) return;
    std::vector<void *> stack(64);
    stack.resize(static_cast<size_t>(backtrace(stack.data(), 64)));
    add(all.places[{what, stack}], amount);
}

// Bytes are negative when they are given back.
void count_allocation(int64_t bytes) {
    Counts &all = counts();
    std::lock_guard<std::mutex> guard(all.lock);
    all.live += bytes < 0 ? -1 : 1;
    all.live_bytes += bytes;
    if (all.live > all.peak) all.peak = all.live;
    if (all.live_bytes > all.peak_bytes) all.peak_bytes = all.live_bytes;
}

Result wrong(Result code, const std::string &what) {
    fprintf(stderr, "stand-in: %s (error %d)\n", what.c_str(), code);
    return code;
}
