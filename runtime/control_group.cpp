#include "runtime/control_group.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace headroom {
namespace {

using Path = std::filesystem::path;

/// A count as these files write it; nothing where the file is missing or says "max".
std::optional<std::int64_t> count_in(std::string_view text) {
    std::int64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc{}) return std::nullopt;
    return value;
}

std::optional<std::int64_t> count_of(const Path& file) {
    std::ifstream in(file);
    std::string text;
    if (!(in >> text)) return std::nullopt;
    return count_in(text);
}

/// The value behind `key` in a file of such pairs.
std::int64_t stat_of(const Path& file, std::string_view key) {
    std::ifstream in(file);
    std::string name;
    for (std::int64_t value = 0; in >> name >> value;) {
        if (name == key) return value;
    }
    return 0;
}

/// Folders of a group and of those above it, up to the mount's. A container that sees its own group
/// as the mount may be told of a path outside of it: those are not there.
std::vector<Path> folders(const Path& mount, const Path& group) {
    std::vector<Path> found;
    for (Path at = group.relative_path();; at = at.parent_path()) {
        if (std::filesystem::is_directory(mount / at)) found.push_back(mount / at);
        if (at.empty()) return found;
    }
}

/// Names of a version's files.
struct Files {
    std::string_view limit;
    std::string_view used;
    std::string_view reclaimable;  ///< in memory.stat, of the group and those below
};
constexpr Files kFirst{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr Files kSecond{"memory.max", "memory.current", "inactive_file"};

void take_memory(ControlGroup& group, const Path& folder, const Files& files) {
    // The first version has no word for "none": it writes the largest number of whole pages.
    constexpr std::int64_t kNoLimit = std::int64_t{1} << 62;
    const auto limit = count_of(folder / files.limit);
    if (!limit || *limit >= kNoLimit) return;
    const std::int64_t used = count_of(folder / files.used).value_or(0);
    const std::int64_t pages = stat_of(folder / "memory.stat", files.reclaimable);
    const ControlGroup::Memory memory{Bytes{*limit},
                                      Bytes{std::max(used - pages, std::int64_t{0})}};
    const auto left = [](const ControlGroup::Memory& of) { return of.limit - of.used; };
    if (!group.memory || left(memory) < left(*group.memory)) group.memory = memory;
}

void take_processors(ControlGroup& group, std::optional<std::int64_t> quota,
                     std::optional<std::int64_t> period) {
    if (!quota || !period || *quota <= 0 || *period <= 0) return;
    const double share = static_cast<double>(*quota) / static_cast<double>(*period);
    group.processors = std::min(share, group.processors.value_or(share));
}

/// "200000 100000" or "max 100000".
void take_processors(ControlGroup& group, const Path& file) {
    std::ifstream in(file);
    std::string quota;
    std::string period;
    if (in >> quota >> period) take_processors(group, count_in(quota), count_in(period));
}

/// "4:cpu,cpuacct:/path"; the second version has no controllers there.
struct Line {
    std::string controllers{};
    Path group{};
};

std::vector<Line> groups_of(const Path& file) {
    std::vector<Line> lines;
    std::ifstream in(file);
    for (std::string text; std::getline(in, text);) {
        const auto first = text.find(':');
        const auto second = text.find(':', first + 1);
        if (first == text.npos || second == text.npos) continue;
        lines.push_back({text.substr(first + 1, second - first - 1), text.substr(second + 1)});
    }
    return lines;
}

}  // namespace

std::optional<int> ControlGroup::threads() const {
    if (!processors) return std::nullopt;
    constexpr double kMost = 1 << 20;
    return std::max(1, static_cast<int>(std::min(*processors, kMost)));
}

ControlGroup control_group(const Path& root) {
    ControlGroup found;
    const Path mount = root / "sys/fs/cgroup";
    for (const auto& [controllers, group] : groups_of(root / "proc/self/cgroup")) {
        if (controllers.empty()) {
            for (const auto& folder : folders(mount, group)) {
                take_memory(found, folder, kSecond);
                take_processors(found, folder / "cpu.max");
            }
        } else if (controllers == "memory") {
            for (const auto& folder : folders(mount / "memory", group)) {
                take_memory(found, folder, kFirst);
            }
        } else if (controllers.starts_with("cpu") && !controllers.starts_with("cpuset") &&
                   controllers != "cpuacct") {
            for (const auto& folder : folders(mount / controllers, group)) {
                take_processors(found, count_of(folder / "cpu.cfs_quota_us"),
                                count_of(folder / "cpu.cfs_period_us"));
            }
        }
    }
    return found;
}

}  // namespace headroom
