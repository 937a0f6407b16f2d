#pragma once

#include "planner/engine/engine_memory.h"
#include "planner/engine/engine_states.h"
#include "planner/engine/step_program.h"

namespace headroom {

/// A stage's step, worked out but for what the allocator makes of it.
struct StageStep {
    const Lowering& lowering;
    const StateMemory& states;
    const StepProgram& program;
    double in_flight = 1.0;  ///< micro-batches that the stage holds
};

/// What the allocator reserves for some steps of a stage on a device that leaves it `limit`; at
/// least what is allocated.
Bytes reserved_memory(const StageStep& step, const Engine& engine, const EngineSettings& settings,
                      const EngineMemory& memory, Bytes limit);

}  // namespace headroom
