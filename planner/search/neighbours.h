#pragma once

#include <string>
#include <vector>

#include "planner/search/search.h"

namespace headroom {

/// One knob of a request turned one step, each turn that is legal and that whoever runs the plan
/// offers, except the pinned knobs.
struct Step {
    const char* knob;
    PlanRequest request;
};
std::vector<Step> steps_from(const PlanRequest& request, const std::vector<std::string>& pinned,
                             const Abilities& able);

/// What a configuration needs beyond a node's host memory or drives; empty: nothing.
std::string node_shortage(const Estimate& need, const NodeProfile& node);

/// What each step from a plan lacks; the batch a step takes and the number of GPUs stay.
std::vector<Neighbour> neighbours(const Plan& plan, const std::vector<std::string>& pinned,
                                  const Abilities& able);

}  // namespace headroom
