#pragma once

#include <array>
#include <vector>

#include "planner/engine/engine_states.h"
#include "planner/engine/step_program.h"

namespace headroom {

/// A unit as FSDP1 shards it: parameters and a flat copy of them, of which a shard stays.
struct LoadedUnit {
    Bytes whole{};
    Bytes shard{};
};

/// What the steps of a run ask of the allocator beside a micro-batch's program.
struct ReplayPlan {
    std::vector<Bytes> kept{};     ///< from the start
    std::vector<Bytes> moments{};  ///< from the end of the first step
    std::vector<LoadedUnit> loaded{};  ///< before the first step
    std::vector<Bytes> update{};       ///< at once, at the end of every step
    std::int64_t in_flight = 1;
    std::int64_t micro_batches = 1;
    AllocatorRules rules{};
    Bytes limit{};  ///< what the device leaves the allocator; 0: no limit
};

/// Largest reserved memory of some steps, micro-batches ordered as 1F1B orders them.
Bytes replayed_reserve(const StepProgram& program, const ReplayPlan& plan);

}  // namespace headroom
