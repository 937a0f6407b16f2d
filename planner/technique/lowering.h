#pragma once

#include <cstdint>
#include <vector>

#include "planner/spec/plan_request.h"
#include "planner/step/step_graph.h"

namespace headroom {

/// The layers that one pipeline rank holds, as half-open ranges, one a chunk (interleaved:
/// several).
struct LayerRange {
    std::int64_t first = 0;
    std::int64_t last = 0;
    bool operator==(const LayerRange&) const = default;
};
struct Stage {
    std::vector<LayerRange> chunks{};
    bool has_embedding = true;
    bool has_head = true;
    bool operator==(const Stage&) const = default;

    [[nodiscard]] std::int64_t layers() const {
        std::int64_t sum = 0;
        for (const auto& chunk : chunks) sum += chunk.last - chunk.first;
        return sum;
    }
};

/// Parameters of one layer (or of the embedding, or the head) that are kept, sharded and updated as
/// one flat tensor. Matrices come first, so weight decay is a prefix; within it and after it the
/// parameters that every tensor rank holds alike lie side by side.
struct StateUnit {
    std::int32_t layer = -1;
    UnitKind kind = UnitKind::dense;
    bool trainable = true;
    std::int64_t elements = 0;
    std::int64_t decayed = 0;
    std::int64_t factored = 0;          ///< rows + columns of the matrices, plus vector elements
    std::int64_t replicated_begin = 0;  ///< elements that tensor ranks hold alike
    std::int64_t replicated_end = 0;
    std::vector<TensorId> parameters{};
    TensorId weights{};        ///< flat; of all elements, on this device while in use
    TensorId gradient{};       ///< flat; none when frozen
    TensorId kept_weights{};   ///< what stays between uses: `weights`, or a shard, or a host copy
    TensorId kept_gradient{};  ///< what the update reads: `gradient`, or a shard of it
    std::int64_t shards = 1;   ///< ranks the kept tensors are split over
};

/// What the passes work on: the request, the stage it is lowered for, and the graph so far.
struct Lowering {
    const PlanRequest& request;
    Stage stage{};
    StepGraph graph{};
    std::vector<StateUnit> units{};
};

}  // namespace headroom
