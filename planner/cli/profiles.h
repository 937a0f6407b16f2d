#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "planner/cli/options.h"
#include "planner/import/model_source.h"
#include "planner/plan/plan_json.h"
#include "planner/spec/plan_request.h"

namespace headroom::cli {

/// Where the profiles lie and how they were found.
struct ProfilesRoot {
    std::filesystem::path path{};
    std::string found_by{};
};

/// --profiles, HEADROOM_PROFILES, beside or above the program, then the source tree it was built
/// from; throws InputError when none of them holds profiles.
ProfilesRoot profiles_root(const CommonOptions& common);

/// The user's own hardware profiles, in order: the configuration folder, then --hardware-file.
std::vector<std::filesystem::path> hardware_overrides(const CommonOptions& common);

/// $XDG_CONFIG_HOME/headroom/hardware
std::filesystem::path user_hardware();

/// GPUs, prices and model presets as the command line asks for them.
Library load_library(const CommonOptions& common);

/// A model whose spec is known; throws InputError when only its parameter count is.
ModelSpec load_spec(const std::string& name, const std::filesystem::path& root,
                    const std::string& pointer);

/// A request or plan from a file; `origin` goes before the pointers of errors.
StoredPlan load_plan(const std::string& file, const Library& library,
                     const std::string& origin = "");

/// What to tell a reader whose plan another version wrote; empty when the steps agree.
std::vector<std::string> version_notes(const StoredPlan& stored, const Plan& predicted);

/// Where a framework is to run a plan, whose numbers these are; empty for Headroom's own runtime.
std::vector<std::string> engine_notes(const Plan& plan);

}  // namespace headroom::cli
