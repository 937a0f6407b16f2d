#pragma once

#include "planner/technique/lowering.h"

namespace headroom {

/// Splits sequences over the context group. Each rank has T / c tokens (the forward pass is emitted
/// so); attention needs the others': keys and values are gathered, or (Ulysses) heads are traded
/// for tokens around the attention.
void context_parallel(Lowering& lowering);

}  // namespace headroom
