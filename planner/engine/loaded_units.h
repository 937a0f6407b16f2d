#pragma once

#include <vector>

#include "planner/engine/engine_step.h"

namespace headroom {

/// A unit as FSDP1 shards it: parameters, buckets that they are broadcast in, of which two are
/// there at once, and a flat copy of all, of which a shard stays.
struct LoadedUnit {
    std::vector<Bytes> parameters{};
    std::vector<Bytes> buckets{};
    Bytes shard{};
};

/// Layers one by one, then what is outside of them; adapters before the layers that they are in,
/// where they are units of their own. Empty where units are not gathered as FSDP1 does.
std::vector<LoadedUnit> loaded_units(const Lowering& lowering, const Engine& engine);
/// Scales of 4-bit weights that stay whole where the weights are cut: one block a matrix.
std::vector<Bytes> whole_scales(const Lowering& lowering, const Engine& engine);

}  // namespace headroom
