#pragma once

#include <functional>

#include "planner/engine/timing_profile.h"
#include "planner/score/prediction.h"

namespace headroom {

/// Sets the bands of a profile from the rows that `uses` accepts, so that nine in ten lie inside.
void calibrate_bands(const ScoredRows& rows, const std::function<bool(const ScoredRow&)>& uses,
                     TimingProfile& profile);

/// Names of the bands that may apply to a row's memory or time, the most specific first.
std::string memory_band(const ScoredRow& row);
std::string memory_band_of_all(const ScoredRow& row);
std::string time_band(const ScoredRow& row);

}  // namespace headroom
