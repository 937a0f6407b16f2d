#pragma once

#include <cstdint>
#include <map>

#include "planner/engine/engine_step.h"

namespace headroom {

using Position = std::int32_t;

/// A layer's unit in the op list: its forward pass, its backward pass and its weights.
struct UnitSpan {
    Position forward_begin = -1;
    Position forward_end = -1;
    Position backward_begin = -1;
    Position backward_end = -1;
    std::int64_t gathered = 0;  ///< bytes as they travel
    std::int64_t trained = 0;   ///< elements that get a gradient
};

/// By layer; weights are left to the caller.
std::map<std::int32_t, UnitSpan> layer_spans(const Lowering& lowering);
/// Whether a unit is outside of the layers: FSDP's root, where it is no unit of its own.
bool is_outer(const StateUnit& unit);
/// Whether embedding and head are units of their own (FSDP2).
bool outer_apart(const PlanRequest& request, const Engine& engine);

}  // namespace headroom
