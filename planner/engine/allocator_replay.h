#pragma once

#include <array>
#include <vector>

#include "planner/engine/flat_buffers.h"
#include "planner/engine/loaded_units.h"
#include "planner/engine/step_program.h"

namespace headroom {

/// When weight gradients that stay over micro-batches go.
enum class GradientLife : std::uint8_t {
    step,     ///< until the update
    reduced,  ///< until their reduction
    summed,   ///< added to others when a backward pass ends, they stay until the next one begins
};

/// What the steps of a run ask of the allocator beside a micro-batch's program.
struct ReplayPlan {
    std::vector<Bytes> scales{};       ///< of 4-bit weights, before units are loaded
    std::vector<Bytes> kept{};         ///< from the start
    std::vector<Bytes> moments{};      ///< from the end of the first step
    FlatBuffers flat{};                ///< before the first step, where states are flat
    std::vector<LoadedUnit> loaded{};  ///< before the first step
    std::vector<Bytes> reduced{};  ///< copies of gradients, beside them, that go before the update
    std::vector<std::vector<Bytes>>
        update{};  ///< at the end of a step: groups that are there at once
    GradientLife gradients = GradientLife::step;
    std::int64_t in_flight = 1;
    std::int64_t micro_batches = 1;
    AllocatorRules rules{};
    Bytes limit{};  ///< what the device leaves the allocator; 0: no limit
};

/// Largest reserved memory of some steps, micro-batches ordered as 1F1B orders them.
Bytes replayed_reserve(const StepProgram& program, const ReplayPlan& plan);

}  // namespace headroom
