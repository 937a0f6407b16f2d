#pragma once

// Launches of the tiled kernels of fused attention.

#include "kernels/device/attention_backward_pass.cuh"
#include "kernels/device/attention_operands.cuh"

namespace headroom::device {

/// Counts the tiles' work and gives the blocks their counters, from `space`. `columns`: those of
/// the five products.
template <class Tile, class T>
void launch_backward(void (*kernel)(BackwardOperands<T>), BackwardOperands<T> a,
                     std::int64_t columns, Slices& space, const AttentionSizes& sizes,
                     const AttentionShape& shape, const Launch& launch) {
    count_tiles<Tile>(launch, shape, sizes, Tile::kQueries,
                      {3 * shape.head_dim + 2 * shape.value_dim, columns});
    const std::int64_t tiles = divide_up(sizes.queries, Tile::kQueries);
    const std::int64_t counters = 1 + std::int64_t{sizes.sequences} * sizes.heads * tiles;
    a.ticket = space.template take<unsigned>(counters);
    a.turns = a.ticket + 1;
    fill_bytes(launch.stream, a.ticket, 0, static_cast<std::size_t>(counters) * sizeof(unsigned));
    const std::int64_t blocks =
        divide_up(sizes.keys, Tile::kKeys) * sizes.sequences * (sizes.heads / sizes.group);
    launch_kernel(kernel, {static_cast<unsigned>(blocks)}, {Tile::kThreads}, Tile::kSharedBytes,
                  launch.stream, a);
}

}  // namespace headroom::device
