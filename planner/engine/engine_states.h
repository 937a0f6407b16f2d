#pragma once

#include <vector>

#include "planner/engine/engine_step.h"

namespace headroom {

/// What a rank holds through a whole step, by the framework's rules.
struct StateMemory {
    Bytes weights{};
    Bytes gradients{};
    Bytes optimizer{};  ///< master and moments
    Bytes moments{};    ///< of `optimizer`
    Bytes buffers{};    ///< buckets, dummy gradients, workspaces
    Bytes gathered{};  ///< ZeRO-3: weights and gradients of units in use, where they are not events
    Bytes update{};    ///< temporaries of the update, when activations are gone
    Bytes flat{};      ///< copies of all gradients, in flat blocks that go before the update

    [[nodiscard]] Bytes kept() const { return weights + gradients + optimizer; }
};

StateMemory state_memory(const Lowering& lowering, const Engine& engine,
                         const EngineSettings& settings);

}  // namespace headroom
