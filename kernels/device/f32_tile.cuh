#pragma once

// Tiles of f32 matrices in shared memory and products of them by multiply-adds of f32: sums lie in
// registers, and every 16 bytes that a lane reads go into four sums or more for each element.
//
// A lane's place in its warp is a row of 4 and a column of 8. Where matrices are read along the
// summed index its rows lie 4 and its columns 8 apart: neighbouring lanes read neighbouring rows,
// which a pitch of an odd number of 16-byte chunks puts in different banks. Where they are read
// across it, it has 4 neighbours of every 16 rows or 32 columns.

#include "kernels/device/attention_tile.cuh"
#include "kernels/device/vec.cuh"

namespace headroom::device {

/// Elements from one row of a tile of f32 to the next, for columns that are a multiple of 8.
template <int kColumns>
inline constexpr int kF32Pitch = kColumns + 4;

/// A lane's row and column. Of every four lanes two neighbours share a row, and each with the next
/// but one a column: so half a warp's loads of 16 bytes are answered at once.
struct LaneCell {
    static constexpr int kRows = 4;
    static constexpr int kColumns = 8;
    int row = lane_id() / 2 % 2 + lane_id() / 8 % 2 * 2;
    int column = lane_id() % 2 + lane_id() / 4 % 2 * 2 + lane_id() / 16 * 4;
};

/// Calls combine with the lanes of the same row, until all of them have the same.
template <class Combine>
__device__ __forceinline__ float across_row(float x, const Combine& combine) {
    x = combine(x, __shfl_xor_sync(simt::kAllLanes, x, 1));
    x = combine(x, __shfl_xor_sync(simt::kAllLanes, x, 4));
    return combine(x, __shfl_xor_sync(simt::kAllLanes, x, 16));
}

/// Starts the copy of `kRows` rows from the first of `from`; what is beyond its rows and columns
/// becomes zeros.
template <int kThreads, int kRows, int kColumns, int kPitch>
__device__ __forceinline__ void load_f32_tile(AsyncCopies& copies, float* tile,
                                              const HeadRows<const float>& from) {
    constexpr int kLanes = kColumns / 4;  // of a row
    constexpr int kRowStep = kThreads / kLanes;
    static_assert(kThreads % kLanes == 0);
    const int thread = static_cast<int>(threadIdx.x);
    const int column = thread % kLanes * 4;
    const float* source = from.at + thread / kLanes * from.stride + column;
    const SharedAddress target(tile + thread / kLanes * kPitch + column);
#pragma unroll 4
    for (int pass = 0; pass < (kRows + kRowStep - 1) / kRowStep; ++pass) {
        const int row = thread / kLanes + pass * kRowStep;
        if (kRows % kRowStep != 0 && row >= kRows) break;
        copies.copy16(target.plus(pass * kRowStep * kPitch * static_cast<int>(sizeof(float))),
                      source, row < from.rows && column < from.columns);
        source += kRowStep * from.stride;
    }
}

template <int kRows, int kColumns>
__device__ __forceinline__ void clear(float (&c)[kRows][kColumns]) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
        for (int j = 0; j < kColumns; ++j) c[i][j] = 0.0F;
    }
}

/// Calls visit(c, row, column) for a lane's elements of a product of rows with rows; row and column
/// count from its first one.
template <int kRows, int kColumns, class Visit>
__device__ __forceinline__ void each_element(float (&c)[kRows][kColumns], const Visit& visit) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
        for (int j = 0; j < kColumns; ++j) {
            visit(c[i][j], LaneCell::kRows * i, LaneCell::kColumns * j);
        }
    }
}

/// A lane's c += products of rows of a and rows of b. `a`: the lane's first row; the others lie 4
/// apart, those of b 8.
template <int kDepth, int kPitch, int kRows, int kColumns>
__device__ __forceinline__ void add_dots(float (&c)[kRows][kColumns], const float* a,
                                         const float* b) {
#pragma unroll 2
    for (int k = 0; k < kDepth; k += 4) {
        Floats<4> left[kRows];
#pragma unroll
        for (int i = 0; i < kRows; ++i) left[i] = load<4>(a + LaneCell::kRows * i * kPitch + k);
#pragma unroll
        for (int j = 0; j < kColumns; ++j) {
            const Floats<4> right = load<4>(b + LaneCell::kColumns * j * kPitch + k);
#pragma unroll
            for (int x = 0; x < 4; ++x) {
#pragma unroll
                for (int i = 0; i < kRows; ++i) c[i][j] = fmaf(left[i][x], right[x], c[i][j]);
            }
        }
    }
}

/// Multiply-adds that a loop writes out: what it waits for at its start weighs less in a longer
/// one, and a still longer one leaves the instruction cache.
inline constexpr int kSumsAhead = 512;

/// A lane's c += a times b, of rows of a that lie 4 apart and of 4 columns of every 32 of b, whose
/// rows are the summed index.
template <int kDepth, int kPitchOfA, int kPitchOfB, int kRows, int kColumns>
__device__ __forceinline__ void add_product(float (&c)[kRows][kColumns], const float* a,
                                            const float* b) {
    [[maybe_unused]] constexpr int kAhead = kSumsAhead / (kRows * kColumns) / 4;
#pragma unroll kAhead
    for (int k = 0; k < kDepth; k += 4) {
        Floats<4> left[kRows];
#pragma unroll
        for (int i = 0; i < kRows; ++i) left[i] = load<4>(a + LaneCell::kRows * i * kPitchOfA + k);
#pragma unroll
        for (int x = 0; x < 4; ++x) {
#pragma unroll
            for (int j = 0; j < kColumns; j += 4) {
                const Floats<4> right = load<4>(b + (k + x) * kPitchOfB + LaneCell::kColumns * j);
#pragma unroll
                for (int i = 0; i < kRows; ++i) {
#pragma unroll
                    for (int y = 0; y < 4; ++y) {
                        c[i][j + y] = fmaf(left[i][x], right[y], c[i][j + y]);
                    }
                }
            }
        }
    }
}

/// A lane's c += a transposed times b, whose rows are the summed index both: 4 columns of every 16
/// of a, and 4 of every 32 of b.
template <int kDepth, int kPitchOfA, int kPitchOfB, int kRows, int kColumns>
__device__ __forceinline__ void add_transposed(float (&c)[kRows][kColumns], const float* a,
                                               const float* b) {
    [[maybe_unused]] constexpr int kAhead = kSumsAhead / (kRows * kColumns);
#pragma unroll kAhead
    for (int k = 0; k < kDepth; ++k) {
        Floats<4> left[kRows / 4];
#pragma unroll
        for (int i = 0; i < kRows / 4; ++i) {
            left[i] = load<4>(a + k * kPitchOfA + 4 * LaneCell::kRows * i);
        }
#pragma unroll
        for (int j = 0; j < kColumns; j += 4) {
            const Floats<4> right = load<4>(b + k * kPitchOfB + LaneCell::kColumns * j);
#pragma unroll
            for (int i = 0; i < kRows; ++i) {
#pragma unroll
                for (int y = 0; y < 4; ++y) {
                    c[i][j + y] = fmaf(left[i / 4][i % 4], right[y], c[i][j + y]);
                }
            }
        }
    }
}

}  // namespace headroom::device
