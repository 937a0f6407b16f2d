#pragma once

#include "planner/base/error.h"
#include "runtime/cli/run_options.h"

namespace headroom::run {

/// Executes a plan and puts what was measured beside what was predicted; the program's exit code.
Exit run(const RunOptions& options);

/// Measures this machine's processor and writes its profile to -o, else where every command finds
/// it: the folder of the user's own profiles.
Exit detect(const RunOptions& options);

}  // namespace headroom::run
