#pragma once

#include "planner/technique/lowering.h"

namespace headroom {

/// Freezes the base model and adds low-rank adapters (LoRA, DoRA) to the targeted linear layers;
/// QLoRA also keeps the blocks' matrices in 4 bits and dequantizes each where it is used.
void adapt(Lowering& lowering);

}  // namespace headroom
