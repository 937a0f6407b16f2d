#pragma once

// Fused attention on tensor cores (FlashAttention-2: Dao 2023). A block takes kRows queries of one
// head and walks over the keys they see, kKeys at a time; a warp owns 16 kRowTiles of the queries.
// Keys and values have one tile each in shared memory: while one is multiplied, the other is
// copied. Scores live in registers, in units of log 2.

#include "kernels/device/attention_tile.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/device/score_rule.cuh"

namespace headroom::device {

/// Shape of the forward tiles; heads narrower than kHead and kValue are filled with zeros.
template <class Element, int kHeadDim, int kValueDim, int kKeyCount, int kWarpCount,
          int kTilesPerWarp>
struct ForwardTile {
    using T = Element;
    static constexpr int kHead = kHeadDim;
    static constexpr int kValue = kValueDim;
    static constexpr int kWarps = kWarpCount;
    static constexpr int kRowTiles = kTilesPerWarp;
    static constexpr int kThreads = 32 * kWarps;
    static constexpr int kBlocks = kThreads <= 128 ? 2 : 1;
    static constexpr int kRows = 16 * kRowTiles * kWarps;
    static constexpr int kKeys = kKeyCount;
    static constexpr int kScoreTiles = kKeys / 8;
    static constexpr int kValueTiles = kValue / 8;
    static constexpr int kHeadPitch = kTilePitch<kHead>;
    static constexpr int kValuePitch = kTilePitch<kValue>;
    static constexpr std::size_t kSharedBytes =
        sizeof(T) * ((kRows + kKeys) * kHeadPitch + kKeys * kValuePitch) +
        sizeof(float) * HeadRow::kFloats;
    static_assert(kValuePitch <= kHeadPitch);  // results leave through the queries' tile
};

template <class T>
struct ForwardOperands {
    Rows<const T> q{};
    Rows<const T> k{};
    Rows<const T> v{};
    Rows<T> out{};
    Rows<float> lse{};
    const float* sinks = nullptr;  ///< (H)
    int head_dim = 0;
    int value_dim = 0;
    int group = 1;  ///< query heads of a key head
    ScoreRule rule{};
};

/// A row's running maximum (of raw scores: times `unit` they are in units of log 2) and sum.
template <int kRowTiles>
struct RunningSoftmax {
    float maximum[kRowTiles][2];
    float sum[kRowTiles][2];  ///< of this lane's columns

    __device__ __forceinline__ RunningSoftmax() {
#pragma unroll
        for (int i = 0; i < 2 * kRowTiles; ++i) {
            maximum[i / 2][i % 2] = -INFINITY;
            sum[i / 2][i % 2] = 0.0F;
        }
    }

    /// Scores become exp2(unit * (score - maximum)); what earlier sums shrink by to the new maximum
    /// is left in `shrink`.
    template <int kTiles>
    __device__ __forceinline__ void take(float (&s)[kRowTiles][kTiles][4], float unit,
                                         float (&shrink)[kRowTiles][2]) {
#pragma unroll
        for (int r = 0; r < kRowTiles; ++r) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const float before = maximum[r][half];
                float top = before;
#pragma unroll
                for (int n = 0; n < kTiles; ++n) {
                    top = fmaxf(top, fmaxf(s[r][n][2 * half], s[r][n][2 * half + 1]));
                }
                top = fmaxf(top, __shfl_xor_sync(simt::kAllLanes, top, 1));
                top = fmaxf(top, __shfl_xor_sync(simt::kAllLanes, top, 2));
                maximum[r][half] = top;
                // A row that has seen no key yet stays at zero.
                const float base = top == -INFINITY ? 0.0F : top * unit;
                shrink[r][half] = power_of_two(before * unit - base);
                float total = 0.0F;
#pragma unroll
                for (int n = 0; n < kTiles; ++n) {
#pragma unroll
                    for (int i = 2 * half; i < 2 * half + 2; ++i) {
                        s[r][n][i] = power_of_two(fmaf(s[r][n][i], unit, -base));
                        total += s[r][n][i];
                    }
                }
                sum[r][half] = sum[r][half] * shrink[r][half] + total;
            }
        }
    }
};

/// out's rows times a factor each.
template <int kRowTiles, int kTiles>
__device__ __forceinline__ void scale_rows(float (&out)[kRowTiles][kTiles][4],
                                           const float (&factor)[kRowTiles][2]) {
#pragma unroll
    for (int r = 0; r < kRowTiles; ++r) {
#pragma unroll
        for (int n = 0; n < kTiles; ++n) {
#pragma unroll
            for (int i = 0; i < 4; ++i) out[r][n][i] *= factor[r][i / 2];
        }
    }
}

/// Calls visit(score, row, column) for the elements of a warp's scores; row and column count from
/// the lane's first element.
template <int kRowTiles, int kTiles, class Visit>
__device__ __forceinline__ void each_score(float (&s)[kRowTiles][kTiles][4], const Visit& visit) {
#pragma unroll
    for (int r = 0; r < kRowTiles; ++r) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
#pragma unroll
            for (int n = 0; n < kTiles; ++n) {
#pragma unroll
                for (int i = 0; i < 2; ++i) {
                    visit(s[r][n][2 * half + i], 16 * r + 8 * half, 8 * n + i);
                }
            }
        }
    }
}

/// The queries of a block, and the keys that some or all of them see.
struct QueryPlace {
    int head;
    int first;  ///< query
    int count;
    std::int64_t row;  ///< of the first query, among all sequences'
    int first_key;
    int end_key;
    int first_full;  ///< keys from here ...
    int end_full;    ///< ... to here are seen by all

    /// The block's; those that see most keys start first.
    template <class Tile>
    __device__ __forceinline__ static QueryPlace of(const ScoreRule& rule) {
        QueryPlace place{};
        place.head = static_cast<int>(blockIdx.y);
        place.first = static_cast<int>(gridDim.x - 1 - blockIdx.x) * Tile::kRows;
        const int left = rule.queries - place.first;
        place.count = left < Tile::kRows ? left : Tile::kRows;
        place.row = std::int64_t{blockIdx.z} * rule.queries + place.first;
        const int low = rule.position(place.first);
        const int high = rule.position(place.first + place.count - 1);
        place.first_key = rule.first_key(low) / Tile::kKeys * Tile::kKeys;
        place.end_key = rule.end_key(high);
        place.first_full = rule.first_key(high);
        place.end_full = rule.end_key(low);
        return place;
    }
};

/// Starts the copy of the block's keys, or values, from `key` on. What it needs is computed each
/// time: the registers are the sums'.
template <class Tile, int kColumns, class T>
__device__ __forceinline__ void load_key_tile(AsyncCopies& copies, T* tile,
                                              const ForwardOperands<T>& a,
                                              const Rows<const T>& from, int key, int width) {
    const std::int64_t row = std::int64_t{recomputed(blockIdx.z)} * a.rule.keys + key;
    const std::int64_t key_head = recomputed(blockIdx.y) / a.group;
    load_tile<Tile::kThreads, Tile::kKeys, kColumns>(
        copies, tile,
        HeadRows<const T>{from.at(row, key_head * width), from.stride, a.rule.keys - key, width});
    copies.commit();
}

/// Masks a warp's scores; `row` and `key`: of the lane's first element.
template <class Tile>
__device__ __forceinline__ void mask_scores(float (&s)[Tile::kRowTiles][Tile::kScoreTiles][4],
                                            const ScoreRule& rule, const QueryPlace& place, int row,
                                            int key, int tile_key) {
    if (tile_key >= place.first_full && tile_key + Tile::kKeys <= place.end_full) return;
    each_score(s, [&](float& x, int r, int c) {
        const int position = rule.position(row + r);
        const bool seen = key + c >= rule.first_key(position) && key + c < rule.end_key(position);
        if (!seen) x = -INFINITY;
    });
}

/// Bends and shifts them before.
template <class Tile>
__device__ __forceinline__ void shape_scores(float (&s)[Tile::kRowTiles][Tile::kScoreTiles][4],
                                             const ScoreRule& rule, const QueryPlace& place,
                                             const HeadRow& head, int row, int key, int tile_key) {
    if (!rule.plain()) {
        each_score(s, [&](float& x, int r, int c) {
            x = score_of(rule, head, x, key + c - rule.position(row + r)).score;
        });
    }
    mask_scores<Tile>(s, rule, place, row, key, tile_key);
}

/// What a row's sums are multiplied by at the end, with the sink's share, and its lse. The maximum
/// and the sink are in units of log 2; no sink: -infinity.
struct RowEnd {
    float factor;
    float lse;
    __device__ __forceinline__ RowEnd(float sum, float maximum, float sink) {
        const float top = fmaxf(maximum, sink);
        const float base = top == -INFINITY ? 0.0F : top;
        const float share = power_of_two(maximum - base);
        sum = sum * share + power_of_two(sink - base);
        factor = sum > 0.0F ? share / sum : 0.0F;
        lse = (base + log2f(sum)) * kLn2;
    }
};

/// Divides by the sums (with the sink's share) and writes lse. `warp_row`: the warp's first query
/// of the block's.
template <class Tile, class T>
__device__ __forceinline__ void finish_rows(float (&out)[Tile::kRowTiles][Tile::kValueTiles][4],
                                            const RunningSoftmax<Tile::kRowTiles>& softmax,
                                            const ForwardOperands<T>& a, const QueryPlace& place,
                                            int warp_row) {
    const float sink = a.sinks == nullptr ? -INFINITY : a.sinks[place.head] * kLog2E;
    float factor[Tile::kRowTiles][2];
#pragma unroll
    for (int r = 0; r < Tile::kRowTiles; ++r) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float sum = softmax.sum[r][half];
            sum += __shfl_xor_sync(simt::kAllLanes, sum, 1);
            sum += __shfl_xor_sync(simt::kAllLanes, sum, 2);
            const RowEnd end(sum, softmax.maximum[r][half] * a.rule.unit, sink);
            factor[r][half] = end.factor;
            const int query = warp_row + lane_id() / 4 + 16 * r + 8 * half;
            if (lane_id() % 4 == 0 && query < place.count) {
                *a.lse.at(place.row + query, place.head) = end.lse;
            }
        }
    }
    scale_rows(out, factor);
}

/// Grid: query tiles, heads, sequences.
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocks)
    attention_kernel(ForwardOperands<typename Tile::T> a) {
    using T = typename Tile::T;
    T* const q_tile = shared_memory<T>();
    T* const k_tile = q_tile + Tile::kRows * Tile::kHeadPitch;
    T* const v_tile = k_tile + Tile::kKeys * Tile::kHeadPitch;
    auto* const head_row = reinterpret_cast<float*>(v_tile + Tile::kKeys * Tile::kValuePitch);
    const QueryPlace place = QueryPlace::of<Tile>(a.rule);
    const int warp_row = warp_id() * 16 * Tile::kRowTiles;
    T* const own_rows = q_tile + warp_row * Tile::kHeadPitch;

    AsyncCopies copies;
    load_tile<Tile::kThreads, Tile::kRows, Tile::kHead>(
        copies, q_tile,
        HeadRows<const T>{a.q.at(place.row, std::int64_t{place.head} * a.head_dim), a.q.stride,
                          place.count, a.head_dim});
    load_key_tile<Tile, Tile::kHead>(copies, k_tile, a, a.k, place.first_key, a.head_dim);
    a.rule.copy_head_row(head_row, place.head);

    RunningSoftmax<Tile::kRowTiles> softmax;
    float out[Tile::kRowTiles][Tile::kValueTiles][4];
    clear(out);
    for (int key = place.first_key; key < place.end_key; key += Tile::kKeys) {
        copies.template wait<0>();
        __syncthreads();
        load_key_tile<Tile, Tile::kValue>(copies, v_tile, a, a.v, key, a.value_dim);
        float s[Tile::kRowTiles][Tile::kScoreTiles][4];
        clear(s);
        multiply<T, Tile::kHead / 16>(
            s, RowsOfA<T, Tile::kHeadPitch, kStepsAhead<Tile::kHead>>(own_rows),
            ColumnsOfB<T, Tile::kHeadPitch>(k_tile));
        copies.template wait<0>();
        __syncthreads();
        shape_scores<Tile>(s, a.rule, place, HeadRow{head_row},
                           place.first + warp_row + lane_id() / 4, key + lane_id() % 4 * 2, key);
        float shrink[Tile::kRowTiles][2];
        softmax.take(s, a.rule.unit, shrink);
        scale_rows(out, shrink);
        const int next = key + Tile::kKeys;
        if (next < place.end_key) {
            load_key_tile<Tile, Tile::kHead>(copies, k_tile, a, a.k, next, a.head_dim);
        }
        FragmentsOfA<Tile::kRowTiles, Tile::kScoreTiles / 2> p;
        pack_fragments<T>(p, s);
        multiply<T, Tile::kKeys / 16>(out, p, RowsOfB<T, Tile::kValuePitch>(v_tile));
    }
    copies.template wait<0>();
    __syncthreads();
    // Results leave through the warp's own rows of the queries' tile.
    finish_rows<Tile>(out, softmax, a, place, warp_row);
    put_fragments<Tile::kHeadPitch>(own_rows, out, 1.0F);
    __syncwarp();
    store_tile<simt::kWarp, 16 * Tile::kRowTiles, Tile::kValue, Tile::kHeadPitch>(
        own_rows,
        HeadRows<T>{a.out.at(place.row + warp_row, std::int64_t{place.head} * a.value_dim),
                    a.out.stride, place.count - warp_row, a.value_dim},
        lane_id());
}

}  // namespace headroom::device
