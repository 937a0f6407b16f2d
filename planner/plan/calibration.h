#pragma once

#include "planner/plan/measurement.h"
#include "planner/plan/plan.h"

namespace headroom {

/// The plan's hardware profile with what a run of it measured: fractions of the peaks that matrix
/// products, attention and streaming kernels reached, and the memory of a context. Every figure's
/// source names the run. What the run did not exercise stays as it was.
HardwareProfile calibrated(const Plan& plan, const Measurement& measurement);

}  // namespace headroom
