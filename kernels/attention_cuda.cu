#include <span>
#include <string>

#include "kernels/cuda_table.h"
#include "kernels/device/attention_f32.h"
#include "kernels/device/attention_forward.cuh"
#include "kernels/device/attention_operands.cuh"
#include "kernels/device/attention_rows.h"
#include "kernels/device/attention_simple.cuh"
#include "kernels/device/attention_wgmma.h"

namespace headroom {
namespace {

using namespace device;

template <class Tile>
void launch_tile(const ForwardOperands<typename Tile::T>& a, const AttentionSizes& sizes,
                 const AttentionShape& shape, const Launch& launch) {
    count_tiles<Tile>(launch, shape, sizes, Tile::kRows,
                      {shape.head_dim + shape.value_dim, Tile::kHead + Tile::kValue});
    const Extent3 grid{static_cast<unsigned>(divide_up(sizes.queries, Tile::kRows)),
                       static_cast<unsigned>(sizes.heads), static_cast<unsigned>(sizes.sequences)};
    launch_kernel(attention_kernel<Tile>, grid, {Tile::kThreads}, Tile::kSharedBytes, launch.stream,
                  a);
}

/// The narrowest tile that holds the heads. Keys a step are as many as registers hold scores of.
template <class T>
void launch_tiles(const ForwardOperands<T>& a, const AttentionSizes& sizes,
                  const AttentionShape& shape, const Launch& launch) {
    const auto holds = [&](int head, int value) {
        return a.head_dim <= head && a.value_dim <= value;
    };
    if (holds(64, 64))
        return launch_tile<ForwardTile<T, 64, 64, 64, 4, 2>>(a, sizes, shape, launch);
    if (holds(80, 80))
        return launch_tile<ForwardTile<T, 80, 80, 64, 4, 2>>(a, sizes, shape, launch);
    if (holds(96, 96))
        return launch_tile<ForwardTile<T, 96, 96, 64, 4, 2>>(a, sizes, shape, launch);
    if (holds(128, 128))
        return launch_tile<ForwardTile<T, 128, 128, 48, 4, 2>>(a, sizes, shape, launch);
    if (holds(192, 128))
        return launch_tile<ForwardTile<T, 192, 128, 48, 4, 2>>(a, sizes, shape, launch);
    launch_tile<ForwardTile<T, 256, 256, 64, 8, 1>>(a, sizes, shape, launch);
}

template <class T, TensorWords words>
void run_tiles(const AttentionShape& shape, const Launch& launch, const AttentionSizes& sizes,
               const ScoreRule& rule, const float* sinks) {
    const ForwardOperands<T> a{.q = rows_of<const T>(launch.in[0]),
                               .k = rows_of<const T>(launch.in[1]),
                               .v = rows_of<const T>(launch.in[2]),
                               .out = rows_of<T>(launch.out[0]),
                               .lse = rows_of<float>(launch.out[1]),
                               .sinks = sinks,
                               .head_dim = sizes.head_dim,
                               .value_dim = sizes.value_dim,
                               .group = sizes.group,
                               .rule = rule};
    if constexpr (std::is_same_v<T, float>) {
        launch_f32_tiles(a, sizes, shape, launch);
    } else {
        const bool wgmma = words == TensorWords::wgmma && wgmma_takes(shape, rule);
        wgmma ? launch_wgmma(a, sizes, shape, launch) : launch_tiles(a, sizes, shape, launch);
    }
}

template <class T>
void run_simple(const Launch& launch, const AttentionSizes& sizes, const ScoreRule& rule,
                const float* sinks) {
    auto a = simple_operands<T>(launch, sizes, rule);
    a.out = rows_of<T>(launch.out[0]);
    a.lse = rows_of<float>(launch.out[1]);
    a.sinks = sinks;
    launch_kernel(simple_attention_kernel<T>,
                  warp_grid(sizes.queries, sizes.heads, sizes.sequences), {kSimpleThreads}, 0,
                  launch.stream, a);
}

/// (q (B*Tq, H*D), k (B*Tk, K*D), v (B*Tk, K*Dv) [, bias][, sinks]) -> (out, lse)
template <TensorWords words>
void attention_cuda(const Attention& op, const Launch& launch) {
    const AttentionSizes sizes(op.shape, launch);
    count_pairs(launch, op.shape, sizes, op.shape.head_dim + op.shape.value_dim);
    const AttentionInputs inputs(launch.in.subspan(3), op.relative_bias, op.sinks);
    Slices space(launch);
    const auto [head_rows, sinks] =
        prepare_parameters(launch, space, op.shape, sizes.heads, inputs.bias, inputs.sinks);
    const ScoreRule rule = score_rule(op.shape, sizes.queries, sizes.keys, head_rows);
    device::with_float(launch.in[0].dtype, [&](auto zero) {
        using T = decltype(zero);
        const auto views = {&launch.in[0], &launch.in[1], &launch.in[2], &launch.out[0]};
        const bool tiled = std::is_same_v<T, float> ? f32_tiles_take(op.shape, views)
                                                    : copies_in_chunks(op.shape, views);
        if (tiled) return run_tiles<T, words>(op.shape, launch, sizes, rule, sinks);
        run_simple<T>(launch, sizes, rule, sinks);
    });
}

std::string refuse_attention(const Op& op, const Launch& launch) {
    const auto& attention = std::get<Attention>(op);
    return refuse_scores(op, attention.shape, launch,
                         attention.relative_bias ? &launch.in[3] : nullptr);
}

}  // namespace

void add_attention_cuda_rows(KernelTable& table, TensorWords words) {
    words == TensorWords::mma
        ? set_row<attention_cuda<TensorWords::mma>>(table, refuse_attention)
        : set_row<attention_cuda<TensorWords::wgmma>>(table, refuse_attention);
    add_attention_grad_cuda_rows(table, words);
}

}  // namespace headroom
