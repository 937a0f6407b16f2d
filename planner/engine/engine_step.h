#pragma once

#include <cstdint>
#include <vector>

#include "planner/engine/engine.h"
#include "planner/lower/lower.h"

namespace headroom {

/// One rank's forward and backward pass as an engine executes it: the graph of the mathematics with
/// its tensor, context and expert collectives; states and their sharding are the engine's.
Lowering engine_step(const PlanRequest& request, const Stage& stage);

/// Elements of weights that one rank works with, by who replicates them.
struct WeightCounts {
    double dense = 0.0;  ///< layers, embedding and head, without experts
    double experts = 0.0;
    double frozen = 0.0;  ///< of both, what has no gradient
    double adapters = 0.0;
    double largest_unit = 0.0;
    double outer_units = 0.0;      ///< embedding and head
    double distinct_shapes = 0.0;  ///< sum over distinct matrix shapes
};
WeightCounts weight_counts(const Lowering& lowering);

}  // namespace headroom
