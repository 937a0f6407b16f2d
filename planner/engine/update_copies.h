#pragma once

#include <vector>

#include "planner/engine/engine_states.h"

namespace headroom {

/// Blocks of equal size, at least one.
std::vector<Bytes> in_pieces(Bytes size, std::size_t pieces);

/// Flat copies of gradients that DeepSpeed's ZeRO-1 reduces (stage2.py): in buckets, or in one
/// block where their dtype is another than the weights' (bf16_optimizer.py).
std::vector<Bytes> reduced_copies(const Lowering& lowering, const StateMemory& states);

/// What the end of a step allocates, in groups that are there at once. DeepSpeed's ZeRO-1
/// (stage2.py): a gradient in f64 for its norm, of what this rank reduces; this rank's gradients,
/// flat and as fp32; then what weights are gathered into, in whole shards.
std::vector<std::vector<Bytes>> update_groups(const Lowering& lowering, const StateMemory& states);

}  // namespace headroom
