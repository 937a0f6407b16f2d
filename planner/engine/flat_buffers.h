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

/// What a framework lays out before its first step, as one rank sees it: the modules' own weights,
/// which go when the flat buffers of weights and gradients are filled from them; then its part of
/// the masters, each made through a 16-bit copy. Megatron-Core: param_and_grad_buffer.py,
/// distrib_optimizer.py; DeepSpeed's ZeRO-1: zero/stage2.py, bf16_optimizer.py.
struct FlatBuffers {
    std::vector<Bytes> weights{};
    std::vector<Bytes> buffers{};
    std::vector<Bytes> masters{};
    std::vector<Bytes> zeros{};    ///< gradients of an update that only makes the moments
    std::vector<Bytes> started{};  ///< moments that are made then
    std::vector<Bytes> moments{};  ///< moments that the first step's update makes

    [[nodiscard]] Bytes kept() const;  ///< before the first step
};

/// The groups of a stage: dense parameters and experts, in the reverse order of the modules.
std::vector<FlatGroup> flat_groups(const Lowering& lowering);
FlatBuffers flat_buffers(const std::vector<FlatGroup>& groups, const StateMemory& states,
                         std::int64_t rank);
/// DeepSpeed's ZeRO-1, whose shards are one block each, on every rank of the same size.
FlatBuffers zero1_buffers(const std::vector<FlatGroup>& groups, const StateMemory& states);
/// Whether 16-bit gradients are added to flat fp32 sums after every backward pass
/// (bf16_optimizer.py), rather than kept until the update.
bool sums_apart(const StateMemory& states);

}  // namespace headroom
