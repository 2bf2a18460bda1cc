// Compiles at run time with the same nvcc. What was compiled once is kept below STANDIN_CACHE, by a digest of everything that
// decides it.
#include "device.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>
#include <unistd.h>

namespace {

const int COMPILATION = 6;

struct Program {
    std::string source, log, ptx;
};

std::string read(const std::string &path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// A name for the cache: FNV-1a.
std::string digest(const std::string &text) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (unsigned char byte : text) hash = (hash ^ byte) * 0x100000001b3u;
    char hex[17];
    snprintf(hex, sizeof hex, "%016lx", hash);
    return hex;
}

} // namespace

EXPORT int nvrtcCreateProgram(Program **program, const char *source, const char *, int, const char *const *, const char *const *) {
    *program = new Program{source, "", ""};
    return SUCCESS;
}

EXPORT int nvrtcDestroyProgram(Program **program) {
    delete *program;
    *program = nullptr;
    return SUCCESS;
}

EXPORT int nvrtcCompileProgram(Program *program, int number, const char *const *options) {
    static std::mutex one_at_a_time;
    std::lock_guard<std::mutex> guard(one_at_a_time);
    std::string include, words = "--include-path=";
    for (int i = 0; i < number; i++)
        if (!strncmp(options[i], words.c_str(), words.size())) include += " -I" + std::string(options[i] + words.size());
    const std::string prelude = read(STANDIN_SOURCES "/include/standin.h");
    const std::string name = "run-time-" + digest(program->source + include + prelude), path = STANDIN_CACHE "/" + name;
    program->ptx = read(path + ".ptx");
    if (!program->ptx.empty()) return SUCCESS;
    // Under a name of its own until it is whole: two programs may compile the same at once.
    const std::string cu = path + ".cu", own = cu + "." + std::to_string(getpid());
    std::ofstream(own) << program->source;
    rename(own.c_str(), cu.c_str());
    const std::string log = path + ".log." + std::to_string(getpid());
    const std::string command =
        STANDIN_SOURCES "/nvcc --ptx --output-directory " STANDIN_CACHE + include + " " + cu + " >" + log + " 2>&1";
    const int failed = system(command.c_str());
    program->log = read(log);
    unlink(log.c_str());
    program->ptx = read(path + ".ptx");
    return failed ? COMPILATION : SUCCESS;
}

// Sizes count the zero at the end.
EXPORT int nvrtcGetPTXSize(Program *program, size_t *size) {
    *size = program->ptx.size() + 1;
    return SUCCESS;
}
EXPORT int nvrtcGetPTX(Program *program, char *to) {
    memcpy(to, program->ptx.c_str(), program->ptx.size() + 1);
    return SUCCESS;
}
EXPORT int nvrtcGetProgramLogSize(Program *program, size_t *size) {
    *size = program->log.size() + 1;
    return SUCCESS;
}
EXPORT int nvrtcGetProgramLog(Program *program, char *to) {
    memcpy(to, program->log.c_str(), program->log.size() + 1);
    return SUCCESS;
}
