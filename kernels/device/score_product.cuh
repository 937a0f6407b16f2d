#pragma once

// Products over the heads of an attention that keeps its scores: C (m x n) of every head of every
// sequence is a sum over k, and over the heads of a group where they share the result. Factors are
// functors, so that masks and slopes are applied where an element is read. A block makes a tile of
// kProductEdge x kProductEdge; 16-bit types multiply on tensor cores.

#include "kernels/device/attention_tile.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/device/score_rule.cuh"

namespace headroom::device {

inline constexpr int kProductEdge = 64;
inline constexpr int kProductDepth = 32;
inline constexpr int kProductThreads = 128;

/// A query head of a sequence.
struct HeadPlace {
    int sequence;
    int head;
};

/// Extents of the products, and where the heads are.
struct ProductSizes {
    int m = 0;
    int n = 0;
    int k = 0;
    int sequences = 1;
    int results = 1;   ///< heads of the result
    int segments = 1;  ///< query heads summed in each
};

/// A thread's sums of a tile.
template <class T>
struct ProductSums {
    static constexpr int kLeftPitch = kTilePitch<kProductDepth>;
    static constexpr int kRightPitch = kTilePitch<kProductEdge>;
    float c[2][4][4];

    __device__ __forceinline__ void add(const T* left, const T* right) {
        multiply<T, kProductDepth / 16>(c, RowsOfA<T, kLeftPitch>(left + row() * kLeftPitch),
                                        RowsOfB<T, kRightPitch>(right + column()));
    }
    /// Calls visit(row, column, sum).
    template <class Visit>
    __device__ __forceinline__ void each(const Visit& visit) const {
#pragma unroll
        for (int r = 0; r < 2; ++r) {
#pragma unroll
            for (int i = 0; i < 16; ++i) {
                visit(row() + 16 * r + i % 4 / 2 * 8 + lane_id() / 4,
                      column() + i / 4 * 8 + lane_id() % 4 * 2 + i % 2, c[r][i / 4][i % 4]);
            }
        }
    }

private:
    __device__ __forceinline__ static int row() { return warp_id() / 2 * 32; }
    __device__ __forceinline__ static int column() { return warp_id() % 2 * 32; }
};

/// In single precision a thread has 4 rows and every eighth column.
template <>
struct ProductSums<float> {
    static constexpr int kLeftPitch = kProductDepth + 1;
    static constexpr int kRightPitch = kProductEdge;
    float c[2][4][4];

    __device__ __forceinline__ void add(const float* left, const float* right) {
        for (int k = 0; k < kProductDepth; ++k) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const float x = left[(row() + i) * kLeftPitch + k];
#pragma unroll
                for (int j = 0; j < 8; ++j) {
                    float& sum = c[i / 2][i % 2 * 2 + j / 4][j % 4];
                    sum = fmaf(x, right[k * kRightPitch + column() + 8 * j], sum);
                }
            }
        }
    }
    template <class Visit>
    __device__ __forceinline__ void each(const Visit& visit) const {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
#pragma unroll
            for (int j = 0; j < 8; ++j) {
                visit(row() + i, column() + 8 * j, c[i / 2][i % 2 * 2 + j / 4][j % 4]);
            }
        }
    }

private:
    __device__ __forceinline__ static int row() { return static_cast<int>(threadIdx.x) / 8 * 4; }
    __device__ __forceinline__ static int column() { return static_cast<int>(threadIdx.x) % 8; }
};

/// Fills a tile in shared memory: element (i, j) of kRows x kColumns, neighbours in memory along j
/// where `kAlongColumns`. read(i, j) is asked inside the matrix only.
template <int kRows, int kColumns, int kPitch, bool kAlongColumns, class T, class Read>
__device__ __forceinline__ void fill_tile(T* tile, int rows, int columns, const Read& read) {
    for (int at = static_cast<int>(threadIdx.x); at < kRows * kColumns; at += kProductThreads) {
        const int i = kAlongColumns ? at / kColumns : at % kRows;
        const int j = kAlongColumns ? at % kColumns : at / kRows;
        tile[i * kPitch + j] = i < rows && j < columns ? read(i, j) : from_float<T>(0.0F);
    }
}

/// Grid: tiles along n, along m, heads of the result of all sequences.
/// left(place, m, k) and right(place, k, n) are elements; finish(place, m, n, sum) stores one, of
/// the first head of the result's.
template <class T, class Left, class Right, class Finish>
__global__ void __launch_bounds__(kProductThreads)
    score_product_kernel(ProductSizes sizes, Left left, Right right, Finish finish) {
    using Sums = ProductSums<T>;
    T* const left_tile = shared_memory<T>();
    T* const right_tile = left_tile + kProductEdge * Sums::kLeftPitch;
    const int first_m = static_cast<int>(blockIdx.y) * kProductEdge;
    const int first_n = static_cast<int>(blockIdx.x) * kProductEdge;
    const int result = static_cast<int>(blockIdx.z) % sizes.results;
    const int sequence = static_cast<int>(blockIdx.z) / sizes.results;
    Sums sums;
    clear(sums.c);
    for (int segment = 0; segment < sizes.segments; ++segment) {
        const HeadPlace place{sequence, result * sizes.segments + segment};
        for (int first_k = 0; first_k < sizes.k; first_k += kProductDepth) {
            __syncthreads();
            fill_tile<kProductEdge, kProductDepth, Sums::kLeftPitch, Left::kAlongColumns>(
                left_tile, sizes.m - first_m, sizes.k - first_k,
                [&](int i, int j) { return left(place, first_m + i, first_k + j); });
            fill_tile<kProductDepth, kProductEdge, Sums::kRightPitch, Right::kAlongColumns>(
                right_tile, sizes.k - first_k, sizes.n - first_n,
                [&](int i, int j) { return right(place, first_k + i, first_n + j); });
            __syncthreads();
            sums.add(left_tile, right_tile);
        }
    }
    const HeadPlace place{sequence, result * sizes.segments};
    sums.each([&](int i, int j, float sum) {
        if (first_m + i < sizes.m && first_n + j < sizes.n) {
            finish(place, first_m + i, first_n + j, sum);
        }
    });
}

template <class T, class Left, class Right, class Finish>
void score_product(const Launch& launch, const ProductSizes& sizes, const Left& left,
                   const Right& right, const Finish& finish) {
    using Sums = ProductSums<T>;
    const std::int64_t products = std::int64_t{sizes.sequences} * sizes.results * sizes.segments;
    count_product(launch, products * sizes.m, sizes.n, sizes.k);
    const auto whole = [](std::int64_t extent, std::int64_t part) {
        return divide_up(extent, part) * part;
    };
    count_padding(launch,
                  2 * products * whole(sizes.m, kProductEdge) * whole(sizes.n, kProductEdge) *
                      whole(sizes.k, kProductDepth),
                  2 * products * sizes.m * sizes.n * sizes.k);
    const Extent3 grid{static_cast<unsigned>(divide_up(sizes.n, kProductEdge)),
                       static_cast<unsigned>(divide_up(sizes.m, kProductEdge)),
                       static_cast<unsigned>(sizes.sequences * sizes.results)};
    const std::size_t elements =
        kProductEdge * Sums::kLeftPitch + kProductDepth * Sums::kRightPitch;
    launch_kernel(score_product_kernel<T, Left, Right, Finish>, grid, {kProductThreads},
                  elements * sizeof(T), launch.stream, sizes, left, right, finish);
}

}  // namespace headroom::device
