#pragma once

#include "planner/engine/engine_step.h"

namespace headroom {

/// Part of the device's best fused attention that an engine's kernel reaches there.
double attention_share(const Engine& engine, const EngineSettings& settings,
                       const HardwareProfile& gpu);

/// Bytes that an attention moves for its scores where it stores them, forward and backward; 0 for
/// other ops and fused attention.
double stored_score_bytes(const StepGraph& graph, const OpNode& node,
                          const EngineSettings& settings);

/// What an operator costs that runs as several.
struct ExtraPasses {
    double bytes = 0.0;
    double kernels = 0.0;
};
/// Megatron's fused softmax serves batches times heads in multiples of four (fused_softmax.py,
/// is_kernel_available); others take five kernels in fp32 each way. Beside the fused one's.
ExtraPasses unfused_softmax(const StepGraph& graph, const OpNode& node, const Engine& engine);

}  // namespace headroom
