#pragma once

// Fused attention in f32, by multiply-adds alone. A block takes kRows queries of one head and walks
// over the keys they see, kKeys at a time; a warp owns 32 of the queries and a lane 8 of those, of
// which it has 4 rows apart some columns of the scores and of the sums. Keys and values have one
// tile each in shared memory: while one is multiplied, the other is copied. Probabilities become
// left factors through a slice of shared memory that is the warp's own.

#include "kernels/device/attention_forward.cuh"
#include "kernels/device/f32_tile.cuh"

namespace headroom::device {

/// Shape of the forward tiles; narrower heads are filled with zeros.
template <int kColumnCount, int kKeyCount, int kWarpCount>
struct F32ForwardTile {
    using T = float;
    static constexpr int kColumns = kColumnCount;  ///< of keys and of values
    static constexpr int kKeys = kKeyCount;
    static constexpr int kWarps = kWarpCount;
    static constexpr int kThreads = simt::kWarp * kWarps;
    static constexpr int kBlocks = 2;
    static constexpr int kLaneRows = 8;
    static constexpr int kLaneKeys = kKeys / LaneCell::kColumns;
    static constexpr int kLaneColumns = kColumns / LaneCell::kColumns;
    static constexpr int kWarpRows = LaneCell::kRows * kLaneRows;
    static constexpr int kRows = kWarpRows * kWarps;
    static constexpr int kPitch = kF32Pitch<kColumns>;
    static constexpr int kSlice = 16;  ///< keys whose probabilities are multiplied at once
    static constexpr int kSlicePitch = kSlice + 8;  // four rows apart are written and read at once
    static constexpr std::size_t kSharedBytes =
        sizeof(float) *
        ((kRows + kKeys) * kPitch + kKeys * kColumns + kRows * kSlicePitch + HeadRow::kFloats);
    static_assert(kKeys % kSlice == 0);
};

/// A tile's shared memory.
template <class Tile>
struct F32ForwardShared {
    __device__ __forceinline__ float* q() const { return shared_memory<float>(); }
    __device__ __forceinline__ float* k() const { return q() + Tile::kRows * Tile::kPitch; }
    __device__ __forceinline__ float* v() const { return k() + Tile::kKeys * Tile::kPitch; }
    /// The warp's (rows, slice) of probabilities.
    __device__ __forceinline__ float* slice() const {
        return v() + Tile::kKeys * Tile::kColumns + warp_id() * Tile::kWarpRows * Tile::kSlicePitch;
    }
    __device__ __forceinline__ float* head_row() const {
        return v() + Tile::kKeys * Tile::kColumns + Tile::kRows * Tile::kSlicePitch;
    }
};

/// What a lane keeps of its rows: running maxima (of raw scores: times `unit` they are in units of
/// log 2), sums of its own keys' probabilities, and sums of values.
template <class Tile>
struct F32RowSums {
    static constexpr int kRows = Tile::kLaneRows;
    static constexpr int kKeys = Tile::kLaneKeys;
    static constexpr int kColumns = Tile::kLaneColumns;
    float maximum[kRows];
    float sum[kRows];
    float out[kRows][kColumns];

    __device__ __forceinline__ F32RowSums() {
#pragma unroll
        for (int i = 0; i < kRows; ++i) {
            maximum[i] = -INFINITY;
            sum[i] = 0.0F;
        }
        clear(out);
    }

    /// Scores become exp2(unit * (score - maximum)); earlier sums shrink to the new maximum.
    __device__ __forceinline__ void take(float (&s)[kRows][kKeys], float unit) {
#pragma unroll
        for (int i = 0; i < kRows; ++i) {
            float top = maximum[i];
#pragma unroll
            for (int j = 0; j < kKeys; ++j) top = fmaxf(top, s[i][j]);
            top = across_row(top, [](float x, float y) { return fmaxf(x, y); });
            // A row that has seen no key yet stays at zero.
            const float base = top == -INFINITY ? 0.0F : top * unit;
            const float shrink = power_of_two(maximum[i] * unit - base);
            maximum[i] = top;
            sum[i] *= shrink;
#pragma unroll
            for (int j = 0; j < kKeys; ++j) {
                s[i][j] = power_of_two(fmaf(s[i][j], unit, -base));
                sum[i] += s[i][j];
            }
#pragma unroll
            for (int j = 0; j < kColumns; ++j) out[i][j] *= shrink;
        }
    }
};

/// Starts the copy of the block's keys, or values, from `key` on.
template <class Tile, int kPitch>
__device__ __forceinline__ void load_f32_keys(AsyncCopies& copies, float* tile,
                                              const ForwardOperands<float>& a,
                                              const Rows<const float>& from, int key, int width) {
    const std::int64_t row = std::int64_t{recomputed(blockIdx.z)} * a.rule.keys + key;
    const std::int64_t key_head = recomputed(blockIdx.y) / a.group;
    load_f32_tile<Tile::kThreads, Tile::kKeys, Tile::kColumns, kPitch>(
        copies, tile, {from.at(row, key_head * width), from.stride, a.rule.keys - key, width});
    copies.commit();
}

/// Bends, shifts and masks a lane's scores; `query` and `key`: of its first one. `whole`: all are
/// seen.
template <class Tile>
__device__ __forceinline__ void shape_f32_scores(float (&s)[Tile::kLaneRows][Tile::kLaneKeys],
                                                 const ScoreRule& rule, const HeadRow& head,
                                                 int query, int key, bool whole) {
    if (!rule.plain()) {
        each_element(s, [&](float& x, int r, int c) {
            x = score_of(rule, head, x, key + c - rule.position(query + r)).score;
        });
    }
    if (whole) return;
    each_element(s, [&](float& x, int r, int c) {
        const int position = rule.position(query + r);
        const bool seen = c >= rule.first_key(position) - key && c < rule.end_key(position) - key;
        if (!seen) x = -INFINITY;
    });
}

/// Adds the probabilities' share of values, a slice of keys after the other.
template <class Tile>
__device__ __forceinline__ void add_values(F32RowSums<Tile>& sums,
                                           const float (&p)[Tile::kLaneRows][Tile::kLaneKeys]) {
    constexpr int kSliceKeys = Tile::kSlice / LaneCell::kColumns;
    const F32ForwardShared<Tile> shared;
    const LaneCell cell;
    float* const lane_row = shared.slice() + cell.row * Tile::kSlicePitch;
#pragma unroll
    for (int first = 0; first < Tile::kLaneKeys; first += kSliceKeys) {
        __syncwarp();
#pragma unroll
        for (int i = 0; i < Tile::kLaneRows; ++i) {
#pragma unroll
            for (int j = 0; j < kSliceKeys; ++j) {
                lane_row[LaneCell::kRows * i * Tile::kSlicePitch + cell.column +
                         LaneCell::kColumns * j] = p[i][first + j];
            }
        }
        __syncwarp();
        add_product<Tile::kSlice, Tile::kSlicePitch, Tile::kColumns>(
            sums.out, lane_row,
            shared.v() + LaneCell::kColumns * first * Tile::kColumns + 4 * cell.column);
    }
}

/// Divides by the sums (with the sink's share) and writes the lane's rows, and lse. `query`: of the
/// first one.
template <class Tile>
__device__ __forceinline__ void finish_f32_rows(const ForwardOperands<float>& a,
                                                const QueryPlace& place,
                                                const F32RowSums<Tile>& sums, int query) {
    const LaneCell cell;
    const float sink = a.sinks == nullptr ? -INFINITY : a.sinks[place.head] * kLog2E;
#pragma unroll
    for (int i = 0; i < Tile::kLaneRows; ++i) {
        const float sum = across_row(sums.sum[i], [](float x, float y) { return x + y; });
        const RowEnd end(sum, sums.maximum[i] * a.rule.unit, sink);
        const int at = query + LaneCell::kRows * i;
        if (at >= place.count) continue;
        const std::int64_t row = place.row + at;
        if (cell.column == 0) *a.lse.at(row, place.head) = end.lse;
#pragma unroll
        for (int j = 0; j < Tile::kLaneColumns; j += 4) {
            const int column = 4 * cell.column + LaneCell::kColumns * j;
            if (column >= a.value_dim) continue;
            Floats<4> out;
#pragma unroll
            for (int x = 0; x < 4; ++x) out[x] = sums.out[i][j + x] * end.factor;
            store<4>(a.out.at(row, std::int64_t{place.head} * a.value_dim + column), out);
        }
    }
}

/// Grid: query tiles, heads, sequences.
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocks)
    f32_attention_kernel(ForwardOperands<float> a) {
    const F32ForwardShared<Tile> shared;
    const LaneCell cell;
    const QueryPlace place = QueryPlace::of<Tile>(a.rule);
    const int lane_query = warp_id() * Tile::kWarpRows + cell.row;
    AsyncCopies copies;
    load_f32_tile<Tile::kThreads, Tile::kRows, Tile::kColumns, Tile::kPitch>(
        copies, shared.q(),
        {a.q.at(place.row, std::int64_t{place.head} * a.head_dim), a.q.stride, place.count,
         a.head_dim});
    load_f32_keys<Tile, Tile::kPitch>(copies, shared.k(), a, a.k, place.first_key, a.head_dim);
    a.rule.copy_head_row(shared.head_row(), place.head);

    F32RowSums<Tile> sums;
    for (int key = place.first_key; key < place.end_key; key += Tile::kKeys) {
        copies.template wait<0>();
        __syncthreads();
        load_f32_keys<Tile, Tile::kColumns>(copies, shared.v(), a, a.v, key, a.value_dim);
        float s[Tile::kLaneRows][Tile::kLaneKeys];
        clear(s);
        add_dots<Tile::kColumns, Tile::kPitch>(s, shared.q() + lane_query * Tile::kPitch,
                                               shared.k() + cell.column * Tile::kPitch);
        copies.template wait<0>();
        __syncthreads();
        const int next = key + Tile::kKeys;
        if (next < place.end_key) {
            load_f32_keys<Tile, Tile::kPitch>(copies, shared.k(), a, a.k, next, a.head_dim);
        }
        const bool whole = key >= place.first_full && next <= place.end_full;
        shape_f32_scores<Tile>(s, a.rule, HeadRow{shared.head_row()}, place.first + lane_query,
                               key + cell.column, whole);
        sums.take(s, a.rule.unit);
        add_values<Tile>(sums, s);
    }
    copies.template wait<0>();
    finish_f32_rows<Tile>(a, place, sums, lane_query);
}

}  // namespace headroom::device
