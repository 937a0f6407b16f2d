#pragma once

#include <filesystem>
#include <optional>

#include "planner/base/units.h"

namespace headroom {

/// What a container leaves to this process, less than the machine has: limits of the control group
/// that it is in and of those above. Nothing where there is no limit.
struct ControlGroup {
    struct Memory {
        Bytes limit{};
        Bytes used{};  ///< without pages of files that can go
    };
    std::optional<Memory> memory{};      ///< of the group with the least left
    std::optional<double> processors{};  ///< share of time, in whole processors

    /// Threads that can run at once.
    [[nodiscard]] std::optional<int> threads() const;
};

/// Reads both versions of control groups (/proc/self/cgroup, /sys/fs/cgroup) below `root`.
ControlGroup control_group(const std::filesystem::path& root = "/");

}  // namespace headroom
