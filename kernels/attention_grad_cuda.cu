#include <span>
#include <string>

#include "kernels/device/attention_backward.cuh"
#include "kernels/device/attention_f32.h"
#include "kernels/device/attention_launch.cuh"
#include "kernels/device/attention_operands.cuh"
#include "kernels/device/attention_rows.h"
#include "kernels/device/attention_wgmma.h"
#include "kernels/device/bias_grad.cuh"
#include "kernels/device/divisor.h"

namespace headroom {
namespace {

using namespace device;

inline constexpr int kDeltaThreads = 256;

/// delta (N, H) = sum of out * dout over a head's columns: `lanes` neighbours (a power of two) a
/// query and head, N columns at a time.
template <class T, int N>
__global__ void __launch_bounds__(kDeltaThreads)
    delta_kernel(Rows<const T> out, Rows<const T> dout, Rows<float> delta, std::int64_t rows,
                 Divisor heads, int columns, int lanes) {
    const int thread = static_cast<int>(threadIdx.x);
    const std::int64_t unit = std::int64_t{blockIdx.x} * (kDeltaThreads / lanes) + thread / lanes;
    const std::int64_t row = heads.quotient(unit);
    const std::int64_t head = heads.remainder(unit);
    float sum = 0.0F;
    for (int i = thread % lanes * N; row < rows && i < columns; i += lanes * N) {
        const std::int64_t column = head * columns + i;
        const Floats<N> x = load<N>(out.at(row, column));
        const Floats<N> y = load<N>(dout.at(row, column));
#pragma unroll
        for (int k = 0; k < N; ++k) sum = fmaf(x[k], y[k], sum);
    }
    for (int other = lanes / 2; other > 0; other /= 2) {
        sum += __shfl_xor_sync(simt::kAllLanes, sum, other);
    }
    if (row < rows && thread % lanes == 0) *delta.at(row, head) = sum;
}

inline constexpr int kSinkThreads = 256;

/// A sink's share of a query's probabilities has no value: its gradient is -share * delta. A block
/// a head.
__global__ void __launch_bounds__(kSinkThreads)
    sink_grad_kernel(const float* sinks, Rows<const float> lse, Rows<const float> delta,
                     std::int64_t rows, Numbers dsinks, bool added) {
    const int head = static_cast<int>(blockIdx.x);
    float sum = 0.0F;
    for (std::int64_t row = threadIdx.x; row < rows; row += kSinkThreads) {
        sum -= expf(sinks[head] - *lse.at(row, head)) * *delta.at(row, head);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) dsinks.give(0, head, sum, added);
}

/// An AttentionGrad on the device.
struct Backward {
    const AttentionGrad& op;
    const Launch& launch;
    AttentionSizes sizes;
    ScoreRule rule{};
    Slices space;

    [[nodiscard]] std::int64_t rows() const { return launch.in[0].rows(); }
    [[nodiscard]] bool added() const { return adds(op.accumulation, launch); }
};

template <class T, int N>
void run_delta(const Backward& b) {
    const int chunks = static_cast<int>(divide_up(b.sizes.value_dim, N));
    int lanes = 1;
    while (lanes < simt::kWarp && lanes < chunks) lanes *= 2;
    const std::int64_t units = b.rows() * b.sizes.heads;
    launch_kernel(delta_kernel<T, N>,
                  {static_cast<unsigned>(divide_up(units, kDeltaThreads / lanes))}, {kDeltaThreads},
                  0, b.launch.stream, rows_of<const T>(b.launch.in[3]),
                  rows_of<const T>(b.launch.in[5]), rows_of<float>(b.launch.out[3]), b.rows(),
                  Divisor(b.sizes.heads), b.sizes.value_dim, lanes);
}

template <class T>
void run_delta(const Backward& b) {
    const bool wide = b.sizes.value_dim % kWide<T> == 0 &&
                      rows_aligned(kWide<T>, {&b.launch.in[3], &b.launch.in[5]});
    wide ? run_delta<T, kWide<T>>(b) : run_delta<T, 1>(b);
}

/// Operands of the tiles, without their counters.
template <class T>
BackwardOperands<T> tile_operands(const Backward& b) {
    const Launch& launch = b.launch;
    return {.q = rows_of<const T>(launch.in[0]),
            .k = rows_of<const T>(launch.in[1]),
            .v = rows_of<const T>(launch.in[2]),
            .dout = rows_of<const T>(launch.in[5]),
            .lse = rows_of<const float>(launch.in[4]),
            .delta = rows_of<const float>(launch.out[3]),
            .sums = rows_of<float>(launch.out[4]),
            .dq = rows_of<T>(launch.out[0]),
            .dk = rows_of<T>(launch.out[1]),
            .dv = rows_of<T>(launch.out[2]),
            .head_dim = b.sizes.head_dim,
            .value_dim = b.sizes.value_dim,
            .sequences = b.sizes.sequences,
            .heads = b.sizes.heads,
            .group = b.sizes.group,
            .rule = b.rule};
}

template <class Tile>
void launch_tile(Backward& b) {
    launch_backward<Tile>(attention_grad_kernel<Tile>, tile_operands<typename Tile::T>(b),
                          3 * Tile::kHead + 2 * Tile::kValue, b.space, b.sizes, b.op.shape,
                          b.launch);
}

/// The narrowest tile that holds the heads.
template <class T>
void launch_tiles(Backward& b) {
    const auto holds = [&](int head, int value) {
        return b.sizes.head_dim <= head && b.sizes.value_dim <= value;
    };
    if (holds(64, 64)) return launch_tile<BackwardTile<T, 64, 64, 32, WarpGrid{4, 2, 1, 1}>>(b);
    if (holds(80, 80)) return launch_tile<BackwardTile<T, 80, 80, 64, WarpGrid{8, 1, 1, 4}>>(b);
    if (holds(96, 96)) return launch_tile<BackwardTile<T, 96, 96, 64, WarpGrid{8, 1, 1, 4}>>(b);
    if (holds(128, 128)) {
        return launch_tile<BackwardTile<T, 128, 128, 64, WarpGrid{8, 2, 2, 2}>>(b);
    }
    if (holds(192, 128)) {
        return launch_tile<BackwardTile<T, 192, 128, 64, WarpGrid{8, 1, 2, 2}>>(b);
    }
    launch_tile<BackwardTile<T, 256, 256, 32, WarpGrid{8, 1, 2, 1}>>(b);
}

template <class T, TensorWords words>
void run_tiles(Backward& b) {
    if constexpr (std::is_same_v<T, float>) {
        launch_f32_tiles(tile_operands<T>(b), b.space, b.sizes, b.op.shape, b.launch);
    } else if (words == TensorWords::wgmma && wgmma_takes(b.op.shape, b.rule)) {
        launch_wgmma(tile_operands<T>(b), b.space, b.sizes, b.op.shape, b.launch);
    } else {
        launch_tiles<T>(b);
    }
}

template <class T>
SimpleOperands<T> backward_operands(const Backward& b) {
    const Launch& launch = b.launch;
    auto a = simple_operands<T>(launch, b.sizes, b.rule);
    a.lse = rows_of<float>(launch.in[4]);
    a.dout = rows_of<const T>(launch.in[5]);
    a.delta = rows_of<const float>(launch.out[3]);
    a.dq = rows_of<T>(launch.out[0]);
    a.dk = rows_of<T>(launch.out[1]);
    a.dv = rows_of<T>(launch.out[2]);
    return a;
}

template <class T>
void run_simple(const Backward& b) {
    const AttentionSizes& sizes = b.sizes;
    const auto a = backward_operands<T>(b);
    launch_kernel(simple_query_grad_kernel<T>,
                  warp_grid(sizes.queries, sizes.heads, sizes.sequences), {kSimpleThreads}, 0,
                  b.launch.stream, a);
    launch_kernel(simple_key_grad_kernel<T>,
                  warp_grid(sizes.keys, sizes.heads / sizes.group, sizes.sequences),
                  {kSimpleThreads}, 0, b.launch.stream, a);
}

/// The gradient of one pair's score, made again.
template <class T>
struct RecomputedGradient {
    SimpleOperands<T> operands;
    __device__ __forceinline__ float operator()(std::int64_t row, int head, int query,
                                                int key) const {
        const auto sequence = static_cast<int>(row / operands.rule.queries);
        return pair_gradient(operands, sequence, head, query, key).of_score;
    }
};

/// (q, k, v, out, lse, dout [, bias][, sinks])
/// -> (dq, dk, dv, delta (N, H), dq sums (N, H*D) [, dbias][, dsinks])
template <TensorWords words>
void attention_grad_cuda(const AttentionGrad& op, const Launch& launch) {
    const AttentionInputs inputs(launch.in.subspan(6), op.relative_bias, op.sinks);
    Backward b{op, launch, AttentionSizes(op.shape, launch), {}, Slices(launch)};
    count_pairs(launch, op.shape, b.sizes, 3 * op.shape.head_dim + 2 * op.shape.value_dim);
    const auto [head_rows, sinks] =
        prepare_parameters(launch, b.space, op.shape, b.sizes.heads, inputs.bias, inputs.sinks);
    b.rule = score_rule(op.shape, b.sizes.queries, b.sizes.keys, head_rows);
    const float* const sink_values = sinks;
    device::with_float(launch.in[0].dtype, [&](auto zero) {
        using T = decltype(zero);
        run_delta<T>(b);
        const auto views = {&launch.in[0],  &launch.in[1],  &launch.in[2],  &launch.in[5],
                            &launch.out[0], &launch.out[1], &launch.out[2], &launch.out[4]};
        const bool tiled = std::is_same_v<T, float> ? f32_tiles_take(op.shape, views)
                                                    : copies_in_chunks(op.shape, views);
        tiled ? run_tiles<T, words>(b) : run_simple<T>(b);
        for (const auto& gradient : launch.out.subspan(5)) {
            if (gradient.shape.rank() == 2) {
                bias_gradient(launch, b.space, op.shape, b.rule, b.rows(), b.sizes.heads, gradient,
                              b.added(), RecomputedGradient<T>{backward_operands<T>(b)});
                continue;
            }
            launch_kernel(sink_grad_kernel, {static_cast<unsigned>(b.sizes.heads)}, {kSinkThreads},
                          0, launch.stream, sink_values, rows_of<const float>(launch.in[4]),
                          rows_of<const float>(launch.out[3]), b.rows(), numbers_of(&gradient),
                          b.added());
        }
    });
}

std::string refuse_attention_grad(const Op& op, const Launch& launch) {
    const auto& grad = std::get<AttentionGrad>(op);
    return refuse_scores(op, grad.shape, launch, grad.relative_bias ? &launch.in[6] : nullptr);
}

}  // namespace

void add_attention_grad_cuda_rows(KernelTable& table, TensorWords words) {
    words == TensorWords::mma
        ? set_row<attention_grad_cuda<TensorWords::mma>>(table, refuse_attention_grad)
        : set_row<attention_grad_cuda<TensorWords::wgmma>>(table, refuse_attention_grad);
}

}  // namespace headroom
