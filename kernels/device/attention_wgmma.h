#pragma once

// Attention of sm_90a's words (wgmma.cuh): which heads it takes, and its launches.

#include "kernels/device/attention_operands.cuh"

namespace headroom::device {

template <class T>
struct ForwardOperands;
template <class T>
struct BackwardOperands;

/// Whether there are tiles for the heads; scores have to be plain.
inline bool wgmma_takes(const AttentionShape& shape, const ScoreRule& rule) {
    return shape.head_dim == shape.value_dim && (shape.head_dim == 64 || shape.head_dim == 128) &&
           rule.head_rows == nullptr;
}

/// T: Bf16 or F16.
template <class T>
void launch_wgmma(const ForwardOperands<T>& a, const AttentionSizes& sizes,
                  const AttentionShape& shape, const Launch& launch);
/// Takes the blocks' counters from `space`.
template <class T>
void launch_wgmma(const BackwardOperands<T>& a, Slices& space, const AttentionSizes& sizes,
                  const AttentionShape& shape, const Launch& launch);

}  // namespace headroom::device
