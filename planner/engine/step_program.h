#pragma once

#include <cstdint>
#include <vector>

#include "planner/engine/engine_step.h"

namespace headroom {

/// One transient buffer of a micro-batch.
struct ProgramBuffer {
    Bytes size{};
    std::int32_t first = 0;  ///< position of its allocation in the op list
    std::int32_t last = 0;   ///< position of its last reader
};

enum class EventKind : std::uint8_t { allocate, release };
struct ProgramEvent {
    EventKind kind = EventKind::allocate;
    std::uint32_t buffer = 0;
};

/// What the forward and the backward pass of one micro-batch ask of the allocator, in order.
struct StepProgram {
    std::vector<ProgramBuffer> buffers{};
    std::vector<ProgramEvent> forward{};
    std::vector<ProgramEvent> backward{};

    /// Bytes that the forward pass leaves for the backward pass.
    [[nodiscard]] Bytes kept() const;
};

/// Whether weight gradients are tensors that appear one by one in the backward pass and go with the
/// update; else they stay from step to step.
bool gradients_appear(const PlanRequest& request, const Engine& engine);

/// Follows an engine's operators through a lowered step: outputs, what they save, and scratch.
/// Weights, gradients and optimizer states are not part of it.
StepProgram step_program(const Lowering& lowering, const Engine& engine,
                         const EngineSettings& settings);

/// Largest sum of live buffers when `in_flight` micro-batches wait for their backward pass.
Bytes peak_of(const StepProgram& program, std::int64_t in_flight);

}  // namespace headroom
