#pragma once

#include "kernels/launch.h"
#include "planner/step/op/eager_attention.h"

namespace headroom {

/// (scores (B, H, Tq, Tk) [, sinks (H)]) -> probabilities over the scores
void softmax_cpu(const Softmax& op, const Launch& launch);
/// (probabilities, dprobabilities [, sinks]) -> dscores over dprobabilities [, dsinks]
void softmax_grad_cpu(const SoftmaxGrad& op, const Launch& launch);

}  // namespace headroom
