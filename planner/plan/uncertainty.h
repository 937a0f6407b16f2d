#pragma once

#include "planner/plan/plan.h"

namespace headroom {

/// The worst rank's total with what is not exact about it: context and code on the device,
/// communicator buffers, and the fullest rank of a router that drops nothing.
MemoryBand memory_band(const PlanRequest& request, const Estimate& whole, const RankMemory& rank);

/// Step time with achievable fractions at the ends of what well-tuned and plain set-ups reach.
struct StepBand {
    Seconds low{};
    Seconds high{};
};
StepBand step_band(const PlanRequest& request, const DistinctStages& distinct);

}  // namespace headroom
