#pragma once

#include <string>
#include <vector>

#include "planner/plan/measurement.h"
#include "planner/plan/plan.h"

namespace headroom {

/// A figure of a profile that a run measured, in the profile's unit.
struct MeasuredFigure {
    std::string key{};
    double found = 0.0;
    double kept = 0.0;  ///< what the profile's limits leave of it
};

struct Calibration {
    HardwareProfile profile{};
    std::vector<MeasuredFigure> figures{};  ///< the others stayed as they were
};

/// The plan's hardware profile with what a run of it measured: fractions of the peaks that matrix
/// products, attention and streaming kernels reached, and the memory of a context. Every figure's
/// source names the run. What the run did not exercise stays as it was.
Calibration calibration(const Plan& plan, const Measurement& measurement);
HardwareProfile calibrated(const Plan& plan, const Measurement& measurement);

}  // namespace headroom
