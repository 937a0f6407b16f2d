#include "runtime/process_memory.h"

#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "runtime/control_group.h"

namespace headroom {
namespace {

/// What follows "KEY:" in a /proc file, without leading blanks; empty when it is not there.
std::string proc_value(const char* file, const std::string& key) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        const auto colon = line.find(':');
        if (colon == std::string::npos) continue;
        const auto last = line.find_last_not_of(" \t", colon == 0 ? 0 : colon - 1);
        if (line.substr(0, last + 1) != key) continue;
        const auto first = line.find_first_not_of(" \t", colon + 1);
        return first == std::string::npos ? "" : line.substr(first);
    }
    return {};
}

/// "12345 kB".
Bytes proc_bytes(const char* file, const std::string& key) {
    const std::string text = proc_value(file, key);
    return text.empty() ? Bytes{} : Bytes{std::stoll(text) * 1024};
}

}  // namespace

Bytes resident_set() { return proc_bytes("/proc/self/status", "VmRSS"); }
Bytes peak_resident_set() { return proc_bytes("/proc/self/status", "VmHWM"); }

MachineMemory machine_memory() {
    MachineMemory memory{.total = proc_bytes("/proc/meminfo", "MemTotal"),
                         .available = proc_bytes("/proc/meminfo", "MemAvailable")};
    if (const auto group = control_group().memory) {
        memory.total = std::min(memory.total, group->limit);
        memory.available =
            std::min(memory.available, std::max(group->limit - group->used, Bytes{}));
    }
    return memory;
}

std::string processor_name() {
    const std::string name = proc_value("/proc/cpuinfo", "model name");
    return name.empty() ? "unknown processor" : name;
}

std::string processor_architecture() {
    utsname system{};
    return uname(&system) == 0 ? system.machine : "unknown";
}

}  // namespace headroom
