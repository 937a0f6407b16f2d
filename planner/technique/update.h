#pragma once

#include "planner/technique/lowering.h"

namespace headroom {

/// Appends the update: the global gradient norm, one fused optimizer pass a unit, and for ZeRO 1
/// and 2 the gathers of the new weights. With the optimizer in host memory the gradients travel
/// there as they become final, the pass runs on the CPU, and the new weights travel back.
void emit_update(Lowering& lowering);

}  // namespace headroom
