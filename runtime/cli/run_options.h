#pragma once

#include <set>
#include <string>
#include <string_view>

#include "planner/cli/options.h"

namespace headroom::run {

/// What the command line of headroom-run said.
struct RunOptions : cli::RunOptions {
    cli::CommonOptions common{};
    std::set<std::string, std::less<>> given{};  ///< the options that stand on it, as "--momentum"

    [[nodiscard]] bool has(std::string_view option) const { return given.contains(option); }
};

}  // namespace headroom::run
