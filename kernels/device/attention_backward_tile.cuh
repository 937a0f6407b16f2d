#pragma once

// A block's tiles in the backward pass of fused attention: their shapes, where they lie in shared
// memory, and what becomes of a warp's scores.

#include "kernels/device/attention_tile.cuh"
#include "kernels/device/score_rule.cuh"

namespace headroom::device {

/// How a block's warps share its tiles: `rows` tiles of 16 keys each; `columns` warps share the
/// columns of the same keys; `queries` groups of warps share the rows of dq.
struct WarpGrid {
    int warps;
    int rows;
    int columns;
    int queries;
};

/// Shape of the backward tiles; heads narrower than kHead and kValue are filled with zeros.
template <class Element, int kHeadDim, int kValueDim, int kQueryCount, WarpGrid kGrid>
struct BackwardTile {
    using T = Element;
    static constexpr int kHead = kHeadDim;
    static constexpr int kValue = kValueDim;
    static constexpr int kThreads = 32 * kGrid.warps;
    static constexpr int kBlocks = kThreads <= 128 ? 2 : 1;
    static constexpr bool kPlain = false;  ///< all scores
    static constexpr bool kExact = false;  ///< heads are as wide as kHead and kValue
    static constexpr int kColumnWarps = kGrid.columns;
    static constexpr int kRowTiles = kGrid.rows;
    static constexpr int kWarpKeys = 16 * kRowTiles;
    static constexpr int kKeys = kWarpKeys * kGrid.warps / kColumnWarps;
    static constexpr int kQueries = kQueryCount;
    static constexpr int kWarpQueries = kQueries / kColumnWarps;
    static constexpr int kScoreTiles = kWarpQueries / 8;
    static constexpr int kHeadTiles = kHead / 8 / kColumnWarps;
    static constexpr int kValueTiles = kValue / 8 / kColumnWarps;
    static constexpr int kSumRowTiles = kQueries / 16 / kGrid.queries;
    static constexpr int kSumColumns = kHead * kGrid.queries / kGrid.warps;
    static constexpr int kQueryWarps = kGrid.queries;
    static constexpr int kHeadPitch = kTilePitch<kHead>;
    static constexpr int kValuePitch = kTilePitch<kValue>;
    static constexpr int kScorePitch = kTilePitch<kQueries>;
    static constexpr int kScoreElements = kKeys * kScorePitch;
    static constexpr int kQueryElements = kQueries * (kHeadPitch + kValuePitch);
    static constexpr std::size_t kSharedBytes =
        sizeof(T) * (kKeys * (kHeadPitch + kValuePitch) + 2 * kQueryElements +
                     kScoreElements * (kColumnWarps > 1 ? 2 : 1)) +
        sizeof(float) * (4 * kQueries + HeadRow::kFloats);
    static_assert(kSumColumns % 8 == 0 && kQueries % (16 * kQueryWarps) == 0);
};

/// A tile's shared memory.
template <class Tile>
struct BackwardShared {
    using T = typename Tile::T;
    __device__ __forceinline__ T* k() const { return shared_memory<T>(); }
    __device__ __forceinline__ T* v() const { return k() + Tile::kKeys * Tile::kHeadPitch; }
    __device__ __forceinline__ T* q(int stage) const {
        return v() + Tile::kKeys * Tile::kValuePitch + stage * Tile::kQueryElements;
    }
    __device__ __forceinline__ T* dout(int stage) const {
        return q(stage) + Tile::kQueries * Tile::kHeadPitch;
    }
    /// (keys, queries): gradients of the scores; probabilities where warps share keys.
    __device__ __forceinline__ T* dscores() const { return q(2); }
    __device__ __forceinline__ T* probabilities() const { return dscores() + Tile::kScoreElements; }
    __device__ __forceinline__ float* lse(int stage) const {
        T* const end = Tile::kColumnWarps > 1 ? probabilities() + Tile::kScoreElements
                                              : dscores() + Tile::kScoreElements;
        return reinterpret_cast<float*>(end) + stage * Tile::kQueries;
    }
    __device__ __forceinline__ float* delta(int stage) const {
        return lse(2) + stage * Tile::kQueries;
    }
    __device__ __forceinline__ float* head_row() const { return delta(2); }
};

/// What a warp has of its block's tiles.
template <class Tile>
struct WarpShare {
    int key = warp_id() / Tile::kColumnWarps * Tile::kWarpKeys;       ///< the first one
    int column = warp_id() % Tile::kColumnWarps;                      ///< part of the columns
    int query = warp_id() % Tile::kColumnWarps * Tile::kWarpQueries;  ///< the first one

    __device__ __forceinline__ int score() const { return key * Tile::kScorePitch + query; }
    __device__ __forceinline__ int head_column() const { return column * Tile::kHeadTiles * 8; }
    __device__ __forceinline__ int value_column() const { return column * Tile::kValueTiles * 8; }
};

/// A probability, and what the gradient of its score is multiplied by.
struct Weighed {
    float probability;
    float slope;
};

/// The probability of a pair that may be masked and, unless scores are plain, whose score may be
/// bent or shifted.
template <bool plain>
__device__ __forceinline__ Weighed weigh(const ScoreRule& rule, const HeadRow& head, float product,
                                         int key, int query, float lse) {
    const int position = rule.position(query);
    const bool seen =
        query < rule.queries && key >= rule.first_key(position) && key < rule.end_key(position);
    if (!seen) return {0.0F, 0.0F};
    if (plain || rule.plain()) {
        const float p = power_of_two(product * rule.unit - lse * kLog2E);
        return {p, p};
    }
    const Scored scored = score_of(rule, head, product, key - position);
    const float p = power_of_two((scored.score - lse) * kLog2E);
    return {p, p * scored.derivative};
}

/// Products (keys x queries of a warp) become the factors of the scores' gradients, and `packed`
/// the probabilities. `key` and `query`: of the lane's first element.
template <class Tile>
__device__ __forceinline__ void take_probabilities(
    float (&s)[Tile::kRowTiles][Tile::kScoreTiles][4],
    FragmentsOfA<Tile::kRowTiles, Tile::kScoreTiles / 2>& packed, const ScoreRule& rule,
    const HeadRow& head, const float* lse, int key, int query, bool whole) {
    if (whole) {
#pragma unroll
        for (int n = 0; n < Tile::kScoreTiles; ++n) {
            const float low = lse[8 * n] * kLog2E;
            const float high = lse[8 * n + 1] * kLog2E;
#pragma unroll
            for (int i = 0; i < 2 * Tile::kRowTiles; ++i) {
                float* const x = s[i / 2][n] + i % 2 * 2;
                x[0] = power_of_two(fmaf(x[0], rule.unit, -low));
                x[1] = power_of_two(fmaf(x[1], rule.unit, -high));
            }
        }
        pack_fragments<typename Tile::T>(packed, s);
        return;
    }
#pragma unroll
    for (int n = 0; n < Tile::kScoreTiles; ++n) {
#pragma unroll
        for (int i = 0; i < 2 * Tile::kRowTiles; ++i) {
            float* const x = s[i / 2][n] + i % 2 * 2;
            const int row = key + i / 2 * 16 + i % 2 * 8;
            const Weighed low =
                weigh<Tile::kPlain>(rule, head, x[0], row, query + 8 * n, lse[8 * n]);
            const Weighed high =
                weigh<Tile::kPlain>(rule, head, x[1], row, query + 8 * n + 1, lse[8 * n + 1]);
            x[0] = low.slope;
            x[1] = high.slope;
            packed.word[i / 2][n / 2][n % 2 * 2 + i % 2] =
                pack<typename Tile::T>(low.probability, high.probability);
        }
    }
}

/// slope * (gradient of the probability - delta): gradients of the scores.
template <class Tile>
__device__ __forceinline__ void take_gradients(
    float (&slope)[Tile::kRowTiles][Tile::kScoreTiles][4],
    const float (&dp)[Tile::kRowTiles][Tile::kScoreTiles][4], const float* delta) {
#pragma unroll
    for (int n = 0; n < Tile::kScoreTiles; ++n) {
#pragma unroll
        for (int i = 0; i < 4 * Tile::kRowTiles; ++i) {
            slope[i / 4][n][i % 4] *= dp[i / 4][n][i % 4] - delta[8 * n + i % 2];
        }
    }
}

/// Writes packed results of a warp into a tile.
template <int kPitch, class T, int kRowTiles, int kSteps>
__device__ __forceinline__ void put_packed(T* tile, const FragmentsOfA<kRowTiles, kSteps>& packed) {
    T* const lane_row = tile + lane_id() / 4 * kPitch + lane_id() % 4 * 2;
#pragma unroll
    for (int r = 0; r < kRowTiles; ++r) {
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int at = (16 * r + i % 2 * 8) * kPitch + 16 * step + i / 2 * 8;
                *reinterpret_cast<std::uint32_t*>(lane_row + at) = packed.word[r][step][i];
            }
        }
    }
}

}  // namespace headroom::device
