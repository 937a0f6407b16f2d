#pragma once

#include "kernels/launch.h"
#include "planner/step/op/routing.h"

namespace headroom {

/// (x (T, C), experts (T, k), weights (T, k)) -> (rows (M, C), row weights (M), map (M),
/// counts (E)): of each row which copy it holds, choice * T + token, or -1 and zeros for a slot
/// that nothing fills; of each expert how many rows are filled.
void permute_cpu(const Permute& op, const Launch& launch);
/// (drows (M, C), dweights of rows (M), map (M)) -> (dx (T, C), dweights (T, k))
void permute_grad_cpu(const PermuteGrad& op, const Launch& launch);
/// (rows (M, C), map (M)) -> y (T, C)
void unpermute_cpu(const Unpermute& op, const Launch& launch);
/// (dy (T, C), map (M)) -> drows (M, C)
void unpermute_grad_cpu(const UnpermuteGrad& op, const Launch& launch);

}  // namespace headroom
