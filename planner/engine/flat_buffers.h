#pragma once

#include <cstdint>
#include <vector>

#include "planner/engine/engine_states.h"

namespace headroom {

/// Parameters that one group of ranks shares the optimizer states of, one behind the other.
struct FlatGroup {
    std::vector<std::int64_t> elements{};  ///< of each tensor, in the buffer's order
    std::int64_t shards = 1;
};
/// A rank's part of a group's buffer: whole tensors, cut at its two ends only.
std::vector<std::int64_t> slice_of(const FlatGroup& group, std::int64_t rank);

/// What Megatron-Core lays out before its first step, as one rank sees it: the modules' own
/// weights, which go when the flat buffers of weights and gradients are filled from them; then its
/// part of the masters, each made through a 16-bit copy (param_and_grad_buffer.py,
/// distrib_optimizer.py).
struct FlatBuffers {
    std::vector<Bytes> weights{};
    std::vector<Bytes> buffers{};
    std::vector<Bytes> masters{};
    std::vector<Bytes> moments{};

    [[nodiscard]] Bytes kept() const;  ///< buffers and masters
};

/// The groups of a stage: dense parameters and experts, in the reverse order of the modules.
std::vector<FlatGroup> flat_groups(const Lowering& lowering);
FlatBuffers flat_buffers(const std::vector<FlatGroup>& groups, const StateMemory& states,
                         std::int64_t rank);

}  // namespace headroom
