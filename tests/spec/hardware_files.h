#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "planner/spec/hardware_profile.h"

namespace headroom {

/// A directory of profile files that goes away with the test.
class ProfileDirectory {
public:
    ProfileDirectory() {
        static std::atomic<int> count{0};
        root_ = std::filesystem::temp_directory_path() /
                ("headroom-profiles-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
        std::filesystem::create_directories(root_);
    }
    ~ProfileDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }
    ProfileDirectory(const ProfileDirectory&) = delete;
    ProfileDirectory(ProfileDirectory&&) = delete;
    ProfileDirectory& operator=(const ProfileDirectory&) = delete;
    ProfileDirectory& operator=(ProfileDirectory&&) = delete;

    // NOLINTNEXTLINE(modernize-use-nodiscard): most tests load the directory, not the file
    std::filesystem::path add(const std::string& name, const Json& json) const {
        return add_text(name, json.dump());
    }
    // NOLINTNEXTLINE(modernize-use-nodiscard)
    std::filesystem::path add_text(const std::string& name, const std::string& text) const {
        write_file_atomically(root_ / name, text);
        return root_ / name;
    }
    [[nodiscard]] const std::filesystem::path& path() const { return root_; }

private:
    std::filesystem::path root_{};
};

inline const HardwareCatalog& shipped_hardware() {
    static const auto catalog = HardwareCatalog::load(HEADROOM_PROFILES);
    return catalog;
}

/// The text of the InputError that `action` throws; empty when it throws none.
template <class Action>
std::string input_error(Action action) {
    try {
        action();
    } catch (const InputError& error) {
        return error.what();
    }
    return {};
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace headroom
