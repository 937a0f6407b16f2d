#pragma once

#include "planner/cli/options.h"

namespace headroom::run {

/// What the command line of headroom-run said.
struct RunOptions : cli::RunOptions {
    cli::CommonOptions common{};
};

}  // namespace headroom::run
