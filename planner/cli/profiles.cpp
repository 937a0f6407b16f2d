#include "planner/cli/profiles.h"

#include <fmt/format.h>

#include "planner/base/json.h"
#include "planner/cli/output.h"
#include "planner/cli/report_engine.h"
#include "planner/cli/runtime_program.h"

namespace headroom::cli {
namespace {

namespace fs = std::filesystem;

bool holds_profiles(const fs::path& folder) {
    std::error_code ignored;
    return fs::is_directory(folder / "hardware", ignored) &&
           fs::is_directory(folder / "models", ignored);
}

/// Installed as PREFIX/bin and PREFIX/share, or built somewhere below the source tree.
fs::path near_program() {
    const auto file = program_file();
    for (auto folder = file.parent_path(); folder.has_relative_path();
         folder = folder.parent_path()) {
        for (const auto* below : {"share/headroom/profiles", "profiles"}) {
            if (holds_profiles(folder / below)) return folder / below;
        }
    }
    return {};
}

/// The profiles of the source tree that this file was compiled from.
fs::path of_source_tree() {
    const auto root = fs::path(__FILE__).parent_path().parent_path().parent_path();
    return root / "profiles";
}

ProfilesRoot asked_for(const std::string& path, const std::string& by) {
    if (!holds_profiles(path)) {
        throw InputError(by, fmt::format("\"{}\" has no folders hardware and models", path));
    }
    return {path, by};
}

fs::path config_home() {
    const auto config = environment("XDG_CONFIG_HOME");
    if (!config.empty()) return config;
    const auto home = environment("HOME");
    return home.empty() ? fs::path() : fs::path(home) / ".config";
}

}  // namespace

ProfilesRoot profiles_root(const CommonOptions& common) {
    if (!common.profiles.empty()) return asked_for(common.profiles, "--profiles");
    const auto variable = environment("HEADROOM_PROFILES");
    if (!variable.empty()) return asked_for(variable, "HEADROOM_PROFILES");
    if (auto found = near_program(); !found.empty()) return {found, "near the program"};
    if (holds_profiles(of_source_tree())) return {of_source_tree(), "the source tree"};
    throw InputError("--profiles", "no profiles were found near the program; name their folder");
}

fs::path user_hardware() {
    const auto home = config_home();
    return home.empty() ? home : home / "headroom" / "hardware";
}

std::vector<fs::path> hardware_overrides(const CommonOptions& common) {
    std::vector<fs::path> out;
    std::error_code ignored;
    if (fs::is_directory(user_hardware(), ignored)) out.push_back(user_hardware());
    out.insert(out.end(), common.hardware_files.begin(), common.hardware_files.end());
    return out;
}

ModelSpec load_spec(const std::string& name, const fs::path& root, const std::string& pointer) {
    try {
        const auto source = load_model(name, root);
        if (source.spec) return *source.spec;
    } catch (const InputError& error) {
        // The place in the request, then the place in the model's own file.
        throw InputError(pointer, error.what());
    }
    throw InputError(pointer, fmt::format("\"{}\" is of a family without an adapter: only its "
                                          "parameter count is known",
                                          name));
}

Library load_library(const CommonOptions& common) {
    const auto root = profiles_root(common).path;
    return {.profiles_root = root,
            .hardware = HardwareCatalog::load(root, hardware_overrides(common)),
            .model = [root](const std::string& name, const std::string& pointer) {
                return load_spec(name, root, pointer);
            }};
}

StoredPlan load_plan(const std::string& file, const Library& library, const std::string& origin) {
    const Json document = read_json_file(file);
    return plan_from_json({document, origin}, library);
}

std::vector<std::string> version_notes(const StoredPlan& stored, const Plan& predicted) {
    if (stored.digest.empty() || stored.digest == predicted.predicted.digest) return {};
    return {
        fmt::format("this version lowers the step differently (digest {}, the file has {}); "
                    "the numbers are this version's",
                    predicted.predicted.digest, stored.digest)};
}

std::vector<std::string> engine_notes(const Plan& plan) {
    if (!names_framework(plan.request)) return {};
    return {
        fmt::format("as Headroom's own runtime would run it; what {} makes of it is told by "
                    "headroom predict",
                    plan.request.engine)};
}

}  // namespace headroom::cli
