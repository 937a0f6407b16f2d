#pragma once

#include "planner/technique/lowering.h"

namespace headroom {

/// Freezes the base model and adds low-rank adapters (LoRA, DoRA) to the targeted linear layers;
/// QLoRA also keeps the blocks' matrices in 4 bits and dequantizes each where it is used.
void adapt(Lowering& lowering);

/// Names that `targets` may list for this model, as a module's own ("q_proj").
std::vector<std::string> adapter_targets(const ModelSpec& model);

}  // namespace headroom
