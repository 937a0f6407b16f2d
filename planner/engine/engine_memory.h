#pragma once

#include "planner/engine/step_program.h"

namespace headroom {

/// Device memory of one rank, as the three tools that people read it with see it.
struct EngineMemory {
    std::int64_t stage = 0;
    Bytes states{};     ///< weights, gradients, master and moments
    Bytes buffers{};    ///< of the framework, and weights gathered for use
    Bytes transient{};  ///< most at once of activations, their gradients and scratch, or of the
                        ///< update's copies
    Bytes allocated{};  ///< torch.cuda.max_memory_allocated
    Bytes reserved{};   ///< torch.cuda.max_memory_reserved
    Bytes process{};    ///< nvidia-smi: with context and libraries
};

/// Whether the caching allocator is replayed; without it nothing is reserved beyond what is used.
enum class Replay : std::uint8_t { none, allocator };

/// The stage of a pipeline, as the engine cuts the model.
Stage engine_stage(const PlanRequest& request, const EngineSettings& settings, std::int64_t index);

/// Memory of the rank that needs most, or of the stage whose memory the settings ask for.
EngineMemory engine_memory(const PlanRequest& request, const Engine& engine,
                           const EngineSettings& settings, Replay replay);

}  // namespace headroom
