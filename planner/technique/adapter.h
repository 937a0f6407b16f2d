#pragma once

#include <string_view>

#include "planner/technique/lowering.h"

namespace headroom {

/// Freezes the base model and adds low-rank adapters (LoRA, DoRA) to the targeted linear layers;
/// QLoRA also keeps the blocks' matrices in 4 bits and dequantizes each where it is used.
void adapt(Lowering& lowering);

/// Whether a weight of that part name is a matrix of the blocks that adapters can be put on.
bool is_adapter_target(std::string_view weight);

}  // namespace headroom
