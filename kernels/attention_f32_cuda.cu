#include "kernels/device/attention_f32.h"
#include "kernels/device/attention_f32_forward.cuh"

namespace headroom::device {
namespace {

template <class Tile>
void launch_tile(const ForwardOperands<float>& a, const AttentionSizes& sizes,
                 const AttentionShape& shape, const Launch& launch) {
    count_tiles<Tile>(launch, shape, sizes, Tile::kRows,
                      {shape.head_dim + shape.value_dim, 2 * Tile::kColumns});
    const Extent3 grid{static_cast<unsigned>(divide_up(sizes.queries, Tile::kRows)),
                       static_cast<unsigned>(sizes.heads), static_cast<unsigned>(sizes.sequences)};
    launch_kernel(f32_attention_kernel<Tile>, grid, {Tile::kThreads}, Tile::kSharedBytes,
                  launch.stream, a);
}

}  // namespace

void launch_f32_tiles(const ForwardOperands<float>& a, const AttentionSizes& sizes,
                      const AttentionShape& shape, const Launch& launch) {
    using Wide = F32ForwardTile<128, 32, 4>;
    if (a.head_dim <= 64 && a.value_dim <= 64) {
        launch_tile<F32ForwardTile<64, 64, 4>>(a, sizes, shape, launch);
    } else if (Wide::kSharedBytes <= shared_bytes_limit()) {
        launch_tile<Wide>(a, sizes, shape, launch);
    } else {
        launch_tile<F32ForwardTile<128, 32, 3>>(a, sizes, shape, launch);
    }
}

}  // namespace headroom::device
