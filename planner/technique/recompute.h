#pragma once

#include "planner/technique/lowering.h"

namespace headroom {

/// Drops forward values and clones the ops that made them right before their first backward reader;
/// lifetimes then shorten by themselves. Ops that are cheaper to run again than to keep (gathers of
/// sequence-parallel inputs, dequantized weights) are cloned in every mode.
void recompute(Lowering& lowering);

/// Layers between kept values: 1 a layer, k with `every`, the root of the layer count, or all.
std::int64_t segment_layers(const RecomputeSpec& spec, std::int64_t layers);

}  // namespace headroom
