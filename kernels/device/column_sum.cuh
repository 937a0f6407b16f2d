#pragma once

// Sums down the columns of a matrix in two stages, in an order that the grid alone decides: blocks
// sum a share of the rows each, then the shares are summed.

#include "kernels/cpu/slices.h"
#include "kernels/device/any_vector.cuh"
#include "kernels/device/rows.cuh"

namespace headroom::device {

/// (shares, stride) f32: one partial sum a row.
struct Shares {
    float* data = nullptr;
    std::int64_t count = 0;
    std::int64_t stride = 0;
};

constexpr int kSumLanes = 8;     ///< of a block, that share the rows of one column
constexpr int kShareLanes = 32;  ///< that share its partial sums: there are few columns to go round
constexpr int kSumRows = 4;      ///< that a thread of the first stage reads at a time

/// to[c] (+)= sum of the shares of column c: 32 columns a block, each by so many threads.
template <int lanes>
__global__ void __launch_bounds__(simt::kWarp* lanes)
    sum_shares(Shares shares, std::int64_t columns, AnyVector to, bool add) {
    __shared__ SharedArray<float, lanes * simt::kWarp> part;
    const int lane = static_cast<int>(threadIdx.x);
    const int share = static_cast<int>(threadIdx.y);
    const std::int64_t column = std::int64_t{blockIdx.x} * simt::kWarp + lane;
    float sum = 0.0F;
    if (column < columns) {
        const float* at = shares.data + share * shares.stride + column;
        const std::int64_t step = lanes * shares.stride;
#pragma unroll 8
        for (int i = share; i < static_cast<int>(shares.count); i += lanes, at += step) sum += *at;
    }
    part[share * simt::kWarp + lane] = sum;
    __syncthreads();
    if (share != 0 || column >= columns) return;
    for (int i = 1; i < lanes; ++i) sum += part[i * simt::kWarp + lane];
    to.put(column, sum, add);
}

inline void launch_sum_shares(const Launch& launch, const Shares& shares, std::int64_t columns,
                              const AnyVector& to, bool add) {
    if (columns == 0) return;
    const auto blocks = static_cast<unsigned>(divide_up(columns, simt::kWarp));
    launch_kernel(sum_shares<kShareLanes>, {blocks}, {simt::kWarp, kShareLanes}, 0, launch.stream,
                  shares, columns, to, add);
}

template <int N>
__device__ __forceinline__ void add_floats(Floats<N>& sum, const Floats<N>& term) {
#pragma unroll
    for (int i = 0; i < N; ++i) sum[i] += term[i];
}

/// First stage: body.value<N>(row, column) gives the N terms of a row (and may write elsewhere).
template <int N, class Body>
__global__ void __launch_bounds__(simt::kWarp* kSumLanes)
    column_shares(std::int64_t rows, std::int64_t columns, Shares shares, Body body) {
    __shared__ SharedArray<float, kSumLanes * simt::kWarp * N> part;
    const int lane = static_cast<int>(threadIdx.x);
    const int turn = static_cast<int>(threadIdx.y);
    const std::int64_t column = (std::int64_t{blockIdx.x} * simt::kWarp + lane) * N;
    Floats<N> sum;
#pragma unroll
    for (int i = 0; i < N; ++i) sum[i] = 0.0F;
    if (column < columns) {
        const std::int64_t step = std::int64_t{gridDim.y} * kSumLanes;
        std::int64_t row = std::int64_t{blockIdx.y} * kSumLanes + turn;
        // Rows at a time, so that their loads are under way together; they are added in order.
        for (; row + (kSumRows - 1) * step < rows; row += kSumRows * step) {
            Floats<N> term[kSumRows];
#pragma unroll
            for (int r = 0; r < kSumRows; ++r) {
                term[r] = body.template value<N>(row + r * step, column);
            }
#pragma unroll
            for (int r = 0; r < kSumRows; ++r) add_floats(sum, term[r]);
        }
        for (; row < rows; row += step) add_floats(sum, body.template value<N>(row, column));
    }
#pragma unroll
    for (int i = 0; i < N; ++i) part[(turn * N + i) * simt::kWarp + lane] = sum[i];
    __syncthreads();
    // Every thread finishes some of the block's 32 * N columns.
    for (int i = turn; i < N; i += kSumLanes) {
        float all = 0.0F;
        for (int t = 0; t < kSumLanes; ++t) all += part[(t * N + i) * simt::kWarp + lane];
        if (column + i < columns) {
            shares.data[std::int64_t{blockIdx.y} * shares.stride + column + i] = all;
        }
    }
}

/// As many shares of `columns` as are wanted, or as the workspace holds.
inline Shares make_shares(const Launch& launch, std::int64_t wanted, std::int64_t columns) {
    Slices slices(launch);
    const auto most = static_cast<int>(std::max<std::int64_t>(wanted, 1));
    const int count = slices.parts(columns * static_cast<std::int64_t>(sizeof(float)), most);
    return {slices.take<float>(count * columns), count, columns};
}

/// to[c] (+)= sum over the rows of body's terms; `views` and T decide how wide it reads.
template <class T, class Body>
void sum_columns(const Launch& launch, std::initializer_list<const TensorView*> views,
                 const Body& body, const AnyVector& to, bool add) {
    const std::int64_t rows = (*views.begin())->rows();
    const std::int64_t columns = (*views.begin())->columns();
    if (columns == 0) return;
    with_width<T>(views, [&](auto n) {
        constexpr int kN = decltype(n)::value;
        const std::int64_t across = divide_up(columns, kN * simt::kWarp);
        const std::int64_t wanted =
            std::min(divide_up(most_blocks(), across), divide_up(rows, kSumLanes));
        const Shares shares = make_shares(launch, wanted, columns);
        launch_kernel(column_shares<kN, Body>,
                      {static_cast<unsigned>(across), static_cast<unsigned>(shares.count)},
                      {simt::kWarp, kSumLanes}, 0, launch.stream, rows, columns, shares, body);
        launch_sum_shares(launch, shares, columns, to, add);
    });
}

}  // namespace headroom::device
