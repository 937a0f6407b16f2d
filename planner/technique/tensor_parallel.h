#pragma once

#include "planner/technique/lowering.h"

namespace headroom {

/// Splits matrices over the tensor group (Megatron): output rows, then input columns; with
/// sequence parallelism the residual stream is split by tokens. Puts the collectives in between.
void tensor_parallel(Lowering& lowering);

}  // namespace headroom
