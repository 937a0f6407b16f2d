#pragma once

#include "runtime/cli/run_plan.h"
#include "runtime/executor.h"

namespace headroom::run {

/// Writes what stays from step to step: parameters, masters and optimizer states, byte for byte.
void save_checkpoint(const std::filesystem::path& path, const RunOptions& options,
                     const RunPlan& run, const std::string& tokens, Executor& executor,
                     const TrainerState& state);
/// Puts all of it back; throws InputError when the checkpoint is of another step or another seed.
TrainerState load_checkpoint(const std::filesystem::path& path, const RunOptions& options,
                             const RunPlan& run, Executor& executor);

}  // namespace headroom::run
