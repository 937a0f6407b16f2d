#pragma once

#include <string>

#include "planner/base/units.h"

namespace headroom {

/// Resident set of this process (/proc/self/statm); zero where there is no such file.
Bytes resident_set();
/// Largest resident set so far (VmHWM).
Bytes peak_resident_set();
/// MemTotal and MemAvailable of /proc/meminfo, or what a container has of them.
struct MachineMemory {
    Bytes total{};
    Bytes available{};
};
MachineMemory machine_memory();
/// "Intel(R) Xeon(R) CPU @ 2.60GHz" of /proc/cpuinfo; "unknown processor" otherwise.
std::string processor_name();
/// "x86_64", "aarch64".
std::string processor_architecture();

}  // namespace headroom
