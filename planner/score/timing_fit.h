#pragma once

#include <functional>

#include "planner/engine/timing_profile.h"
#include "planner/score/prediction.h"

namespace headroom {

/// The name under which a row's GPU has its numbers: parts that differ in nothing but memory size
/// share one.
std::string gpu_kind(const ScoredRow& row);

/// Fits a profile's numbers to the step times of the rows that `uses` accepts: least squares on
/// logarithms (Levenberg-Marquardt), where a row far off pulls less the further it is (Cauchy).
/// What the rows do not tell stays where it is expected: a kind is pulled to its family, a family
/// to the priors. Groups of many rows weigh a little less a row. Starts at `start`; deterministic.
TimingProfile fit_timing(const ScoredRows& rows, const std::function<bool(const ScoredRow&)>& uses,
                         const TimingProfile& start = {});

/// Seconds of a row's step by a profile's numbers.
double predicted_seconds(const ScoredRow& row, const TimingProfile& profile);

/// A number of a row's model name that does not change with the rows around it.
std::uint64_t model_number(const ScoredRow& row);

}  // namespace headroom
