#include "kernels/device/attention_backward_wgmma.cuh"
#include "kernels/device/attention_forward_wgmma.cuh"
#include "kernels/device/attention_launch.cuh"
#include "kernels/device/attention_wgmma.h"

namespace headroom::device {
namespace {

template <class Tile>
void launch_tile(const ForwardOperands<typename Tile::T>& a, const AttentionSizes& sizes,
                 const AttentionShape& shape, const Launch& launch) {
    constexpr int kColumns = Tile::kHead + Tile::kValue;
    count_tiles<Tile>(launch, shape, sizes, Tile::kRows, {kColumns, kColumns});
    const Extent3 grid{static_cast<unsigned>(divide_up(sizes.queries, Tile::kRows)),
                       static_cast<unsigned>(sizes.heads), static_cast<unsigned>(sizes.sequences)};
    launch_kernel(attention_wgmma_kernel<Tile>, grid, {Tile::kThreads}, Tile::kSharedBytes,
                  launch.stream, a);
}

template <class Tile>
void launch_tile(const BackwardOperands<typename Tile::T>& a, Slices& space,
                 const AttentionSizes& sizes, const AttentionShape& shape, const Launch& launch) {
    launch_backward<Tile>(attention_grad_wgmma_kernel<Tile>, a, 3 * Tile::kHead + 2 * Tile::kValue,
                          space, sizes, shape, launch);
}

}  // namespace

template <class T>
void launch_wgmma(const ForwardOperands<T>& a, const AttentionSizes& sizes,
                  const AttentionShape& shape, const Launch& launch) {
    if (shape.head_dim == 64) {
        return launch_tile<ForwardWgmmaTile<T, 64, 64>>(a, sizes, shape, launch);
    }
    launch_tile<ForwardWgmmaTile<T, 128, 128>>(a, sizes, shape, launch);
}

template <class T>
void launch_wgmma(const BackwardOperands<T>& a, Slices& space, const AttentionSizes& sizes,
                  const AttentionShape& shape, const Launch& launch) {
    if (shape.head_dim == 64) {
        return launch_tile<BackwardWgmmaTile<T, 64, 64, 128>>(a, space, sizes, shape, launch);
    }
    launch_tile<BackwardWgmmaTile<T, 128, 128, 64>>(a, space, sizes, shape, launch);
}

template void launch_wgmma(const ForwardOperands<Bf16>&, const AttentionSizes&,
                           const AttentionShape&, const Launch&);
template void launch_wgmma(const ForwardOperands<F16>&, const AttentionSizes&,
                           const AttentionShape&, const Launch&);
template void launch_wgmma(const BackwardOperands<Bf16>&, Slices&, const AttentionSizes&,
                           const AttentionShape&, const Launch&);
template void launch_wgmma(const BackwardOperands<F16>&, Slices&, const AttentionSizes&,
                           const AttentionShape&, const Launch&);

}  // namespace headroom::device
