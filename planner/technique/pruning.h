#pragma once

#include "planner/technique/lowering.h"

namespace headroom {

/// Whether pruning is for this parameter: a trained matrix of the blocks or of experts, not a
/// router, an embedding or a head.
bool is_pruned(const Tensor& parameter);

/// Weights of a matrix that a pattern takes out, of each expert's matrix by itself.
std::int64_t pruned_elements(const Shape& matrix, const PruneSpec& spec);

}  // namespace headroom
