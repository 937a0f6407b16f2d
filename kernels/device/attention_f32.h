#pragma once

// Tiled attention in f32: which tensors it takes, and its launches.

#include <initializer_list>

#include "kernels/device/attention_operands.cuh"

namespace headroom::device {

template <class T>
struct ForwardOperands;
template <class T>
struct BackwardOperands;

inline constexpr int kF32TileColumns = 128;

/// Whether a tile holds the heads, and their rows can be copied 16 bytes at a time.
inline bool f32_tiles_take(const AttentionShape& shape,
                           std::initializer_list<const TensorView*> views) {
    return larger(shape.head_dim, shape.value_dim) <= kF32TileColumns && shape.head_dim % 4 == 0 &&
           shape.value_dim % 4 == 0 && rows_aligned(4, views);
}

void launch_f32_tiles(const ForwardOperands<float>& a, const AttentionSizes& sizes,
                      const AttentionShape& shape, const Launch& launch);
/// Takes the blocks' counters from `space`.
void launch_f32_tiles(const BackwardOperands<float>& a, Slices& space, const AttentionSizes& sizes,
                      const AttentionShape& shape, const Launch& launch);

}  // namespace headroom::device
