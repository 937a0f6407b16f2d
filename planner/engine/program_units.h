#pragma once

#include <vector>

#include "planner/engine/step_program.h"

namespace headroom {

/// Weight gradients that are tensors of the backward pass: from their first write to the update, to
/// their unit's reduction, or to the end of the micro-batch.
std::vector<ProgramBuffer> gradient_buffers(const Lowering& lowering, const Engine& engine,
                                            const EngineSettings& settings);

/// ZeRO-3 units as they are gathered and reduced, each buffer on the stream that it is allocated
/// on.
std::vector<ProgramBuffer> gathered_buffers(const Lowering& lowering, const Engine& engine);

}  // namespace headroom
