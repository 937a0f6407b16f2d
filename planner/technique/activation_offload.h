#pragma once

#include "planner/technique/lowering.h"

namespace headroom {

/// Saved values smaller than this stay: the copy would cost more than it frees.
inline constexpr Bytes kSmallestOffload{kMiB};

/// Moves what a layer's forward pass leaves for the backward pass to host memory: out while the
/// next layer computes, back one layer ahead of its use.
void offload_activations(Lowering& lowering);

}  // namespace headroom
