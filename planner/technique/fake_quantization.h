#pragma once

#include "planner/technique/lowering.h"

namespace headroom {

/// Quantization-aware training: the blocks' linear layers multiply with weights, and where asked
/// for with inputs, that are rounded to the codes of a narrow type and back (Jacob et al. 2017).
/// What is rounded is a temporary that the backward pass makes again; parameters, masters and
/// gradients stay as they were.
void fake_quantize(Lowering& lowering);

}  // namespace headroom
