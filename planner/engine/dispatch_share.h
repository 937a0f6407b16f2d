#pragma once

#include "planner/cost/topology.h"
#include "planner/engine/engine.h"

namespace headroom {

/// Of the expert traffic that the graph counts, what a rank sends: a tensor rank that holds part of
/// the sequence sends that part, and over the network a token may go once to a node.
double dispatched_share(const PlanRequest& request, const EngineSettings& settings, Wire wire);

}  // namespace headroom
