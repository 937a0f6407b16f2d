#pragma once

#include "kernels/launch.h"

namespace headroom {

/// results->loss_sum += the sum of a per-token loss (N) f32, in f64 and a fixed order.
void add_loss_cuda(const TensorView& loss, StepScalars* results, void* stream);

}  // namespace headroom
