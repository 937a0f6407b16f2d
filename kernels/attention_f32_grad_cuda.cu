#include "kernels/device/attention_f32.h"
#include "kernels/device/attention_f32_backward.cuh"
#include "kernels/device/attention_launch.cuh"

namespace headroom::device {
namespace {

template <class Tile>
void launch_tile(const BackwardOperands<float>& a, Slices& space, const AttentionSizes& sizes,
                 const AttentionShape& shape, const Launch& launch) {
    launch_backward<Tile>(f32_attention_grad_kernel<Tile>, a, 5 * Tile::kColumns, space, sizes,
                          shape, launch);
}

/// The first tile where a block may have as much shared memory, else the second.
template <class Tile, class Small>
void launch_fitting(const BackwardOperands<float>& a, Slices& space, const AttentionSizes& sizes,
                    const AttentionShape& shape, const Launch& launch) {
    if (Tile::kSharedBytes <= shared_bytes_limit()) {
        launch_tile<Tile>(a, space, sizes, shape, launch);
    } else {
        launch_tile<Small>(a, space, sizes, shape, launch);
    }
}

}  // namespace

void launch_f32_tiles(const BackwardOperands<float>& a, Slices& space, const AttentionSizes& sizes,
                      const AttentionShape& shape, const Launch& launch) {
    if (a.head_dim <= 64 && a.value_dim <= 64) {
        return launch_fitting<F32BackwardTile<64, 64, 64>, F32BackwardTile<64, 64, 32>>(
            a, space, sizes, shape, launch);
    }
    launch_fitting<F32BackwardTile<128, 64, 64>, F32BackwardTile<128, 32, 32>>(a, space, sizes,
                                                                               shape, launch);
}

}  // namespace headroom::device
