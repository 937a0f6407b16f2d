#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "planner/technique/lowering.h"

namespace headroom {

/// The layers of pipeline stage `index`: as even as can be, the first stages taking one layer less
/// when they do not divide, since the first holds the most micro-batches; interleaved stages hold
/// `interleave` chunks.
Stage stage_of(const PlanRequest& request, std::int64_t index);

/// A pass of the lowering, by name; runs where its condition says.
struct Pass {
    std::string_view name;
    bool (*applies)(const PlanRequest&);
    void (*run)(Lowering&);
};

/// The passes in their fixed order: forward, adapter, quantization of a teacher, rounding, tensor,
/// context and expert parallelism, states, tape, recomputation, activation offload, sharding,
/// update.
const std::vector<Pass>& passes();

/// One rank's step for a stage, verified after every pass unless `verify_passes` is false.
Lowering lower(const PlanRequest& request, const Stage& stage, bool verify_passes = true);

}  // namespace headroom
