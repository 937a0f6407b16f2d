#pragma once

#include <string>
#include <vector>

#include "planner/plan/plan.h"

namespace headroom {

/// Memory while weights are read, during the step, and while a checkpoint is written.
void fill_phases(const PlanRequest& request, Prediction& predicted);

/// Knob settings that make a request fit, one change each, cheapest in time first; when no single
/// one does, the shortest prefix of the ladder's order that does.
std::vector<std::string> remedies(const PlanRequest& request);

}  // namespace headroom
