#pragma once

#include <functional>

#include "planner/engine/timing_profile.h"
#include "planner/score/prediction.h"

namespace headroom {

/// The name under which a row's GPU has its numbers: parts that differ in nothing but memory size
/// share one.
std::string gpu_kind(const ScoredRow& row);

/// Fits the profile's numbers to the step times of the rows that `uses` accepts: coordinate descent
/// on the absolute logarithmic error, pulled towards the priors so that what the rows do not tell
/// stays there. Groups of many rows weigh less a row. Deterministic.
TimingProfile fit_timing(const ScoredRows& rows, const std::function<bool(const ScoredRow&)>& uses);

/// Seconds of a row's step by a profile's numbers.
double predicted_seconds(const ScoredRow& row, const TimingProfile& profile);

/// Sets the bands of a profile from the rows that `uses` accepts, so that nine in ten lie inside.
void calibrate_bands(const ScoredRows& rows, const std::function<bool(const ScoredRow&)>& uses,
                     TimingProfile& profile);

/// Names of the bands that may apply to a row's memory or time, the most specific first.
std::string memory_band(const ScoredRow& row);
std::string memory_band_of_all(const ScoredRow& row);
std::string time_band(const ScoredRow& row);

/// A number of a row's model name that does not change with the rows around it.
std::uint64_t model_number(const ScoredRow& row);

}  // namespace headroom
