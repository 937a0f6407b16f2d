#pragma once

// Tiles of 16-bit matrices in shared memory and products of them on tensor cores.

#include <cstddef>
#include <cstdint>

#include "kernels/device/mma.cuh"
#include "kernels/device/vec.cuh"

namespace headroom::device {

/// Elements from one row of a tile to the next: an odd number of 16-byte chunks, so that the eight
/// rows of an 8 x 8 matrix lie in different banks.
template <int kColumns>
inline constexpr int kTilePitch = kColumns + (kColumns / 8 % 2 == 0 ? 8 : 0);

/// Rows of one head in global memory: `rows` of them, `stride` elements apart, `columns` wide.
template <class T>
struct HeadRows {
    T* at = nullptr;
    std::int64_t stride = 0;
    int rows = 0;
    int columns = 0;
};

/// How the threads of a block share a tile of kColumns: groups of lanes along a row, 16 bytes each.
template <int kThreads, int kColumns>
struct TileCopy {
    static constexpr int kChunks = kColumns / 8;
    static constexpr int kLanes = kChunks & -kChunks;  ///< of a row; a power of two
    static constexpr int kRowStep = kThreads / kLanes;
    static_assert(kThreads % kLanes == 0);
};

/// Starts the copy of `kRows` rows from the first of `from`; what is beyond its rows and columns
/// becomes zeros.
template <int kThreads, int kRows, int kColumns, class T>
__device__ __forceinline__ void load_tile(AsyncCopies& copies, T* tile,
                                          const HeadRows<const T>& from) {
    using Copy = TileCopy<kThreads, kColumns>;
    constexpr int kPasses = (kRows + Copy::kRowStep - 1) / Copy::kRowStep;
    const int thread = static_cast<int>(threadIdx.x);
    const int first_row = thread / Copy::kLanes;
    const int first_column = thread % Copy::kLanes * 8;
    const std::int64_t stride = recomputed(from.stride);
    const SharedAddress target(tile + first_row * kTilePitch<kColumns> + first_column);
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
        const int row = first_row + pass * Copy::kRowStep;
        if (kRows % Copy::kRowStep != 0 && row >= kRows) break;
        const T* const source = from.at + row * stride + first_column;
#pragma unroll
        for (int i = 0; i < Copy::kChunks / Copy::kLanes; ++i) {
            const int column = first_column + i * Copy::kLanes * 8;
            const bool there = row < from.rows && column < from.columns;
            const int moved = pass * Copy::kRowStep * kTilePitch<kColumns> + i * Copy::kLanes * 8;
            copies.copy16(target.plus(2 * moved), source + i * Copy::kLanes * 8, there);
        }
    }
}

/// Writes a tile's rows to global memory. The threads of one warp or of the whole block.
template <int kThreads, int kRows, int kColumns, int kPitch, class T>
__device__ __forceinline__ void store_tile(const T* tile, const HeadRows<T>& to, int thread) {
    using Copy = TileCopy<kThreads, kColumns>;
    for (int row = thread / Copy::kLanes; row < kRows && row < to.rows; row += Copy::kRowStep) {
#pragma unroll
        for (int i = 0; i < Copy::kChunks / Copy::kLanes; ++i) {
            const int column = 8 * (thread % Copy::kLanes + i * Copy::kLanes);
            if (column >= to.columns) continue;
            store_chunk<16>(to.at + row * to.stride + column, tile + row * kPitch + column);
        }
    }
}

/// Steps of a product that are written out one after the other: more let the compiler start loads
/// earlier, and cost registers that narrow heads alone have.
template <int kHead>
inline constexpr int kStepsAhead = kHead <= 64 ? 4 : 2;

/// A (m x k) stored by rows of m.
template <class T, int kPitch, int kAhead = 2>
struct RowsOfA {
    static constexpr int kUnroll = kAhead;
    SharedAddress lane_row;
    __device__ __forceinline__ explicit RowsOfA(const T* tile)
        : lane_row(tile + lane_id() % 16 * kPitch + lane_id() / 16 * 8) {}
    __device__ __forceinline__ void load(std::uint32_t (&word)[4], int row_tile, int step) const {
        load_matrices(word, lane_row.plus(2 * (16 * row_tile * kPitch + 16 * step)));
    }
};

/// A (m x k) stored by rows of k.
template <class T, int kPitch, int kAhead = 2>
struct ColumnsOfA {
    static constexpr int kUnroll = kAhead;
    SharedAddress lane_row;
    __device__ __forceinline__ explicit ColumnsOfA(const T* tile)
        : lane_row(tile + (lane_id() % 8 + lane_id() / 16 * 8) * kPitch + lane_id() / 8 % 2 * 8) {}
    __device__ __forceinline__ void load(std::uint32_t (&word)[4], int row_tile, int step) const {
        load_transposed(word, lane_row.plus(2 * (16 * step * kPitch + 16 * row_tile)));
    }
};

/// A in registers: the packed result of another product.
template <int kRowTiles, int kSteps>
struct FragmentsOfA {
    static constexpr int kUnroll = kSteps;  // registers have no addresses
    std::uint32_t word[kRowTiles][kSteps][4];
    __device__ __forceinline__ void load(std::uint32_t (&to)[4], int row_tile, int step) const {
#pragma unroll
        for (int i = 0; i < 4; ++i) to[i] = word[row_tile][step][i];
    }
};

/// B (k x n) stored by rows of n.
template <class T, int kPitch>
struct ColumnsOfB {
    SharedAddress lane_row;
    __device__ __forceinline__ explicit ColumnsOfB(const T* tile)
        : lane_row(tile + (lane_id() % 8 + lane_id() / 16 * 8) * kPitch + lane_id() / 8 % 2 * 8) {}
    /// Fragments of two neighbouring 16 x 8 tiles.
    __device__ __forceinline__ void load(std::uint32_t (&word)[4], int step, int pair) const {
        load_matrices(word, lane_row.plus(2 * (16 * pair * kPitch + 16 * step)));
    }
};

/// B (k x n) stored by rows of k.
template <class T, int kPitch>
struct RowsOfB {
    SharedAddress lane_row;
    __device__ __forceinline__ explicit RowsOfB(const T* tile)
        : lane_row(tile + lane_id() % 16 * kPitch + lane_id() / 16 * 8) {}
    __device__ __forceinline__ void load(std::uint32_t (&word)[4], int step, int pair) const {
        load_transposed(word, lane_row.plus(2 * (16 * step * kPitch + 16 * pair)));
    }
    /// The last of an odd number of tiles.
    __device__ __forceinline__ void load(std::uint32_t (&word)[2], int step, int pair) const {
        load_transposed(word, lane_row.plus(2 * (16 * step * kPitch + 16 * pair)));
    }
};

/// A warp's c (16 kRowTiles x 8 kTiles) += a * b over kSteps of 16.
template <class T, int kSteps, int kRowTiles, int kTiles, class A, class B>
__device__ __forceinline__ void multiply(float (&c)[kRowTiles][kTiles][4], const A& a, const B& b) {
#pragma unroll(A::kUnroll)
    for (int step = 0; step < kSteps; ++step) {
        std::uint32_t left[kRowTiles][4];
#pragma unroll
        for (int r = 0; r < kRowTiles; ++r) a.load(left[r], r, step);
#pragma unroll
        for (int pair = 0; pair < kTiles / 2; ++pair) {
            std::uint32_t right[4];
            b.load(right, step, pair);
#pragma unroll
            for (int r = 0; r < kRowTiles; ++r) {
                multiply_add<T>(c[r][2 * pair], left[r], right[0], right[1]);
                multiply_add<T>(c[r][2 * pair + 1], left[r], right[2], right[3]);
            }
        }
        if constexpr (kTiles % 2 != 0) {
            std::uint32_t right[2];
            b.load(right, step, kTiles / 2);
#pragma unroll
            for (int r = 0; r < kRowTiles; ++r) {
                multiply_add<T>(c[r][kTiles - 1], left[r], right[0], right[1]);
            }
        }
    }
}

/// The sums of a warp as the A operand of a next product: columns become the summed index.
template <class T, int kRowTiles, int kTiles>
__device__ __forceinline__ void pack_fragments(FragmentsOfA<kRowTiles, kTiles / 2>& to,
                                               const float (&c)[kRowTiles][kTiles][4]) {
#pragma unroll
    for (int r = 0; r < kRowTiles; ++r) {
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
            to.word[r][tile / 2][tile % 2 * 2] = pack<T>(c[r][tile][0], c[r][tile][1]);
            to.word[r][tile / 2][tile % 2 * 2 + 1] = pack<T>(c[r][tile][2], c[r][tile][3]);
        }
    }
}

/// Writes a warp's sums, times a factor, into a tile from `tile` on.
template <int kPitch, class T, int kRowTiles, int kTiles>
__device__ __forceinline__ void put_fragments(T* tile, const float (&c)[kRowTiles][kTiles][4],
                                              float factor) {
    T* const lane_row = tile + lane_id() / 4 * kPitch + lane_id() % 4 * 2;
#pragma unroll
    for (int r = 0; r < kRowTiles; ++r) {
#pragma unroll
        for (int n = 0; n < kTiles; ++n) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                *reinterpret_cast<std::uint32_t*>(lane_row + (16 * r + 8 * half) * kPitch + 8 * n) =
                    pack<T>(c[r][n][2 * half] * factor, c[r][n][2 * half + 1] * factor);
            }
        }
    }
}

template <int kRowTiles, int kTiles>
__device__ __forceinline__ void clear(float (&c)[kRowTiles][kTiles][4]) {
#pragma unroll
    for (int r = 0; r < kRowTiles; ++r) {
#pragma unroll
        for (int n = 0; n < kTiles; ++n) {
#pragma unroll
            for (int i = 0; i < 4; ++i) c[r][n][i] = 0.0F;
        }
    }
}

}  // namespace headroom::device
