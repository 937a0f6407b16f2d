#pragma once

#include "planner/technique/lowering.h"

namespace headroom {

/// Spreads the experts over the expert group: every rank holds experts / e of them, token rows
/// travel to their expert's rank and back. `moe_imbalance` sizes what the fullest rank receives.
void expert_parallel(Lowering& lowering);

}  // namespace headroom
