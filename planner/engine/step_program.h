#pragma once

#include <cstdint>
#include <vector>

#include "planner/engine/engine_step.h"

namespace headroom {

/// The stream that a buffer is allocated on: the allocator reuses a block on its own stream only.
enum class BlockStream : std::uint8_t { compute, gather, reduce, offload, exchange };
inline constexpr std::size_t kBlockStreams = 5;

/// How long a buffer of a micro-batch's program is there in a step of many.
enum class BufferLife : std::uint8_t {
    micro_batch,  ///< from its allocation to its last reader
    /// A weight's gradient: the first micro-batch's stays until the update, those of the others are
    /// added to it and go at once.
    first_stays,
    two_later,  ///< until that of the micro-batch after the next is made
};

/// One transient buffer of a micro-batch.
struct ProgramBuffer {
    Bytes size{};
    std::int32_t first = 0;  ///< position of its allocation in the op list
    std::int32_t last = 0;   ///< position of its last reader
    BlockStream stream = BlockStream::compute;
    BufferLife life = BufferLife::micro_batch;
};

enum class EventKind : std::uint8_t { allocate, release };
struct ProgramEvent {
    EventKind kind = EventKind::allocate;
    std::uint32_t buffer = 0;
};

/// What one micro-batch asks of the allocator, in order: the forward pass of a stage's layers, then
/// the loss, where the stage has one, and the backward pass.
struct StepProgram {
    std::vector<ProgramBuffer> buffers{};
    std::vector<ProgramEvent> forward{};
    std::vector<ProgramEvent> backward{};

    /// Bytes that the layers' forward pass leaves for the backward pass.
    [[nodiscard]] Bytes kept() const;
};

/// Whether weight gradients are tensors that appear one by one in the backward pass and go with the
/// update or at its end; else they stay from step to step.
bool gradients_appear(const PlanRequest& request, const Engine& engine);
/// Whether ZeRO-3 units are gathered and given back by the program.
bool gathers_units(const PlanRequest& request, const Engine& engine);

/// Follows an engine's operators through a lowered step: outputs, what they save, and scratch.
/// Weights and optimizer states are not part of it.
StepProgram step_program(const Lowering& lowering, const Engine& engine,
                         const EngineSettings& settings);

/// Largest sum of live buffers when `in_flight` micro-batches, of which some may be a part of the
/// stage's chunks, wait for their backward pass.
Bytes peak_of(const StepProgram& program, double in_flight);

}  // namespace headroom
