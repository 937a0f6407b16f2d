#pragma once

#include "runtime/cli/run_plan.h"
#include "runtime/weights.h"

namespace headroom::run {

/// Throws InputError where what is to be saved could not be: a rank of many holds a part of the
/// model, and not every family has files.
void require_saves(const RunOptions& options, const RunPlan& run);

/// Fills the parameters: from the seed, then from files where the options name them. What was read,
/// as a line for the report.
std::string load_weights(const RunOptions& options, const RunPlan& run, Weights& weights);
/// Writes weights and adapter where the options say so.
void save_weights(const RunOptions& options, const RunPlan& run, Weights& weights);

}  // namespace headroom::run
