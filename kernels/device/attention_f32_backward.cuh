#pragma once

// Gradients of fused attention in f32, by multiply-adds alone: one pass with five products, as in
// attention_backward.cuh, whose blocks, walks and turns these are. The block's warps have two
// sides. One has the scores, makes probabilities of them and sums dv; the other has the gradients
// of the probabilities, makes gradients of the scores of them and sums dk. So both run the same
// products on other tiles, and every lane holds one tile of sums. dq is everybody's.

#include "kernels/device/attention_backward_pass.cuh"
#include "kernels/device/f32_tile.cuh"

namespace headroom::device {

/// Shape of the backward tiles; narrower heads are filled with zeros. A warp has 32 keys by 64
/// columns of dk or dv, and 32 columns of dq.
template <int kColumnCount, int kKeyCount, int kQueryCount>
struct F32BackwardTile {
    using T = float;
    static constexpr int kColumns = kColumnCount;  ///< of keys and of values
    static constexpr int kKeys = kKeyCount;
    static constexpr int kQueries = kQueryCount;
    static constexpr int kColumnWarps = kColumns / 64;
    static constexpr int kSideWarps = kKeys / 32 * kColumnWarps;
    static constexpr int kWarps = 2 * kSideWarps;
    static constexpr int kThreads = simt::kWarp * kWarps;
    static constexpr int kBlocks = kThreads <= 128 ? 2 : 1;
    // Scores: two warps share the keys.
    static constexpr int kScoreKeys = kKeys / 2;
    static constexpr int kScoreQueries = kQueries / (kSideWarps / 2);
    static constexpr int kLaneKeys = kScoreKeys / LaneCell::kRows;
    static constexpr int kLaneQueries = kScoreQueries / LaneCell::kColumns;
    static constexpr bool kOwnScores = kColumnWarps == 1;  ///< a warp sums what it has made
    // dq: as many warps as it takes share the columns.
    static constexpr int kSumColumnWarps = kColumns / 32;
    static constexpr int kSumQueries = kQueries * kSumColumnWarps / kWarps;
    static constexpr int kLaneSums = kSumQueries / LaneCell::kRows;
    static constexpr int kPitch = kF32Pitch<kColumns>;
    static constexpr int kScorePitch =
        kQueries + 8;  // four rows apart are written and read at once
    static constexpr std::size_t kSharedBytes =
        sizeof(float) * (2 * (kKeys + kQueries) * kPitch + 2 * kKeys * kScorePitch + 2 * kQueries +
                         HeadRow::kFloats);
    static_assert(kSideWarps % 2 == 0 && kLaneSums % 4 == 0 && kScorePitch % 32 == 8);
};

/// A tile's shared memory.
template <class Tile>
struct F32BackwardShared {
    static constexpr int kKeyFloats = Tile::kKeys * Tile::kPitch;
    static constexpr int kQueryFloats = Tile::kQueries * Tile::kPitch;
    static constexpr int kScoreFloats = Tile::kKeys * Tile::kScorePitch;
    __device__ __forceinline__ float* k() const { return shared_memory<float>(); }
    __device__ __forceinline__ float* v() const { return k() + kKeyFloats; }
    __device__ __forceinline__ float* q() const { return v() + kKeyFloats; }
    __device__ __forceinline__ float* dout() const { return q() + kQueryFloats; }
    /// (keys, queries)
    __device__ __forceinline__ float* probabilities() const { return dout() + kQueryFloats; }
    __device__ __forceinline__ float* dscores() const { return probabilities() + kScoreFloats; }
    __device__ __forceinline__ float* lse() const { return dscores() + kScoreFloats; }
    __device__ __forceinline__ float* delta() const { return lse() + Tile::kQueries; }
    __device__ __forceinline__ float* head_row() const { return delta() + Tile::kQueries; }
};

/// What a lane has of its block's tiles: its first element of each.
template <class Tile>
struct F32Share {
    LaneCell cell{};
    bool gradients = warp_id() >= Tile::kSideWarps;  ///< the side
    int warp = warp_id() % Tile::kSideWarps;         ///< of the side
    int score_key = warp % 2 * Tile::kScoreKeys + cell.row;
    int score_query = warp / 2 * Tile::kScoreQueries + cell.column;
    int key = warp / Tile::kColumnWarps * 32 + cell.row;
    int column = warp % Tile::kColumnWarps * 64 + 4 * cell.column;

    __device__ __forceinline__ int score() const {
        return score_key * Tile::kScorePitch + score_query;
    }
};

/// A lane's scores, keys by queries.
template <class Tile>
using F32Scores = float[Tile::kLaneKeys][Tile::kLaneQueries];
/// A lane's sums: dv or dk.
using F32KeySums = float[8][8];

/// Starts the copies of a step's queries.
template <class Tile>
__device__ __forceinline__ void load_f32_step(AsyncCopies& copies, const BackwardOperands<float>& a,
                                              std::int64_t sequence_row, const QueryStep& step) {
    const F32BackwardShared<Tile> shared;
    const int first = step.tile * Tile::kQueries;
    const int rows = a.rule.queries - first;
    const std::int64_t row = sequence_row + first;
    load_f32_tile<Tile::kThreads, Tile::kQueries, Tile::kColumns, Tile::kPitch>(
        copies, shared.q(),
        {a.q.at(row, std::int64_t{step.head} * a.head_dim), a.q.stride, rows, a.head_dim});
    load_f32_tile<Tile::kThreads, Tile::kQueries, Tile::kColumns, Tile::kPitch>(
        copies, shared.dout(),
        {a.dout.at(row, std::int64_t{step.head} * a.value_dim), a.dout.stride, rows, a.value_dim});
    load_row_numbers<Tile>(copies, a, row, step, shared.lse(), shared.delta());
    copies.commit();
}

/// A lane's products become probabilities, in shared memory. Where scores are bent, their
/// derivatives lie there until their gradients do.
template <class Tile>
__device__ __forceinline__ void put_probabilities(F32Scores<Tile>& s, const ScoreRule& rule,
                                                  const KeyPlace& place, int first_query) {
    const F32BackwardShared<Tile> shared;
    const F32Share<Tile> share;
    const int key = place.first + share.score_key;
    const int query = first_query + share.score_query;
    if (!rule.plain()) {
        const HeadRow head{shared.head_row()};
        each_element(s, [&](float& x, int r, int c) {
            const auto scored = score_of(rule, head, x, key + r - rule.position(query + c));
            x = scored.score;
            shared.dscores()[share.score() + r * Tile::kScorePitch + c] = scored.derivative;
        });
    }
    each_element(s, [&](float& x, int, int c) {
        const float lse = shared.lse()[share.score_query + c];
        x = power_of_two(fmaf(x, rule.unit, -lse * kLog2E));
    });
    if (!all_seen<Tile>(rule, place, first_query)) {
        each_element(s, [&](float& x, int r, int c) {
            const int position = rule.position(query + c);
            const bool seen = query + c < rule.queries && key + r >= rule.first_key(position) &&
                              key + r < rule.end_key(position);
            if (!seen) x = 0.0F;
        });
    }
    each_element(s, [&](float x, int r, int c) {
        shared.probabilities()[share.score() + r * Tile::kScorePitch + c] = x;
    });
}

/// A lane's gradients of probabilities become those of scores, in shared memory.
template <class Tile>
__device__ __forceinline__ void put_gradients(F32Scores<Tile>& dp, const ScoreRule& rule) {
    const F32BackwardShared<Tile> shared;
    const F32Share<Tile> share;
    each_element(dp, [&](float& x, int r, int c) {
        x = (x - shared.delta()[share.score_query + c]) *
            shared.probabilities()[share.score() + r * Tile::kScorePitch + c];
    });
    if (!rule.plain()) {
        each_element(dp, [&](float& x, int r, int c) {
            x *= shared.dscores()[share.score() + r * Tile::kScorePitch + c];
        });
    }
    each_element(dp, [&](float x, int r, int c) {
        shared.dscores()[share.score() + r * Tile::kScorePitch + c] = x;
    });
}

/// Scores of a step, their probabilities and their gradients, which are added to the lane's sums.
template <class Tile>
__device__ __forceinline__ void take_f32_step(const ScoreRule& rule, const KeyPlace& place,
                                              int first_query, F32KeySums& sums) {
    const F32BackwardShared<Tile> shared;
    const F32Share<Tile> share;
    const float* const keys = share.gradients ? shared.v() : shared.k();
    const float* const queries = share.gradients ? shared.dout() : shared.q();
    F32Scores<Tile> s;
    clear(s);
    add_dots<Tile::kColumns, Tile::kPitch>(s, keys + share.score_key * Tile::kPitch,
                                           queries + share.score_query * Tile::kPitch);
    if (!share.gradients) put_probabilities<Tile>(s, rule, place, first_query);
    __syncthreads();
    if (share.gradients) put_gradients<Tile>(s, rule);
    if constexpr (Tile::kOwnScores) {
        __syncwarp();
    } else {
        __syncthreads();
    }
    const float* const left = share.gradients ? shared.dscores() : shared.probabilities();
    const float* const right = share.gradients ? shared.q() : shared.dout();
    add_product<Tile::kQueries, Tile::kScorePitch, Tile::kPitch>(
        sums, left + share.key * Tile::kScorePitch, right + share.column);
}

/// A lane's part of a tile of dq: 4 neighbouring rows of every 16 and 4 neighbouring columns.
template <class Tile>
struct F32QueryShare {
    float sum[Tile::kLaneSums][4];
    int query = warp_id() / Tile::kSumColumnWarps * Tile::kSumQueries + 4 * LaneCell{}.row;
    int column = warp_id() % Tile::kSumColumnWarps * 32 + 4 * LaneCell{}.column;

    /// visit(i, row, column) of the rows that are there.
    template <class Visit>
    __device__ __forceinline__ void each_row(const BackwardOperands<float>& a,
                                             std::int64_t sequence_row, const QueryStep& step,
                                             const Visit& visit) const {
        if (column >= a.head_dim) return;
        const int first = step.tile * Tile::kQueries + query;
#pragma unroll
        for (int i = 0; i < Tile::kLaneSums; ++i) {
            const int at = first + i / 4 * 16 + i % 4;
            if (at >= a.rule.queries) continue;
            visit(i, sequence_row + at, std::int64_t{step.head} * a.head_dim + column);
        }
    }
    __device__ __forceinline__ Pair pair(int i, int n) const {
        return {sum[i][2 * n], sum[i][2 * n + 1]};
    }
};

/// Finishes a tile of dq. What others added is read all at once: one read after the other would
/// take longer than a whole step.
template <class Tile>
__device__ __forceinline__ void finish_f32_dq(const BackwardOperands<float>& a,
                                              std::int64_t sequence_row, const QueryStep& step,
                                              const F32QueryShare<Tile>& share, bool alone) {
    Pair before[Tile::kLaneSums][2] = {};
    if (!alone) {
        share.each_row(a, sequence_row, step, [&](int i, std::int64_t row, std::int64_t column) {
            before[i][0] = read_past_l1(a.sums.at(row, column));
            before[i][1] = read_past_l1(a.sums.at(row, column + 2));
        });
    }
    share.each_row(a, sequence_row, step, [&](int i, std::int64_t row, std::int64_t column) {
        Floats<4> dq;
#pragma unroll
        for (int n = 0; n < 2; ++n) {
            dq[2 * n] = (before[i][n].x + share.pair(i, n).x) * a.rule.scale;
            dq[2 * n + 1] = (before[i][n].y + share.pair(i, n).y) * a.rule.scale;
        }
        store<4>(a.dq.at(row, column), dq);
    });
}

/// A block's share of a tile of dq is added to what the blocks before it added, when its turn has
/// come; the last one finishes the tile.
template <class Tile>
__device__ __forceinline__ void add_f32_dq(const BackwardOperands<float>& a,
                                           std::int64_t sequence_row, const QueryStep& step,
                                           const DqTurn& turn) {
    const F32BackwardShared<Tile> shared;
    F32QueryShare<Tile> share;
    clear(share.sum);
    add_transposed<Tile::kKeys, Tile::kScorePitch, Tile::kPitch>(
        share.sum, shared.dscores() + share.query, shared.k() + share.column);
    if (lane_id() == 0) await_turn(turn.at, turn.number);
    __syncwarp();
    const bool first = turn.number == 0;
    if (turn.last) return finish_f32_dq<Tile>(a, sequence_row, step, share, first);
    share.each_row(a, sequence_row, step, [&](int i, std::int64_t row, std::int64_t column) {
#pragma unroll
        for (int n = 0; n < 2; ++n) {
            float* const at = a.sums.at(row, column + 2 * n);
            first ? write(at, share.pair(i, n)) : add_in_memory(at, share.pair(i, n));
        }
    });
}

/// Writes a lane's sums: dk or dv.
template <class Tile>
__device__ __forceinline__ void store_f32_keys(const BackwardOperands<float>& a,
                                               const KeyPlace& place, const F32KeySums& sums) {
    const F32Share<Tile> share;
    const Rows<float>& to = share.gradients ? a.dk : a.dv;
    const int width = share.gradients ? a.head_dim : a.value_dim;
    const float factor = share.gradients ? a.rule.scale : 1.0F;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        const int key = share.key + LaneCell::kRows * i;
        if (key >= place.left) continue;
#pragma unroll
        for (int j = 0; j < 8; j += 4) {
            const int column = share.column + LaneCell::kColumns * j;
            if (column >= width) continue;
            Floats<4> x;
#pragma unroll
            for (int n = 0; n < 4; ++n) x[n] = sums[i][j + n] * factor;
            store<4>(to.at(place.row + key, std::int64_t{place.head} * width + column), x);
        }
    }
}

/// Grid: blocks of keys times key heads times sequences.
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocks)
    f32_attention_grad_kernel(BackwardOperands<float> a) {
    const F32BackwardShared<Tile> shared;
    const KeyPlace place = take_keys<Tile>(a);
    const std::int64_t query_row = std::int64_t{place.sequence} * a.rule.queries;
    AsyncCopies copies;
    load_f32_tile<Tile::kThreads, Tile::kKeys, Tile::kColumns, Tile::kPitch>(
        copies, shared.k(), key_rows<const float, const float>(a.k, place, a.head_dim));
    load_f32_tile<Tile::kThreads, Tile::kKeys, Tile::kColumns, Tile::kPitch>(
        copies, shared.v(), key_rows<const float, const float>(a.v, place, a.value_dim));
    copies.commit();
    QueryWalk walk = QueryWalk::of<Tile>(a.rule, place, a.group);
    if (walk.more()) load_f32_step<Tile>(copies, a, query_row, walk.next);

    F32KeySums sums;
    clear(sums);
    DqTurn turn{};  // that the block has taken and not passed on
    int head = -1;
    while (walk.more()) {
        const QueryStep step = walk.next;
        copies.template wait<0>();
        __syncthreads();
        turn.pass();
        if (!a.rule.plain() && step.head != head) {
            head = step.head;
            a.rule.copy_head_row(shared.head_row(), head);
            __syncthreads();
        }
        take_f32_step<Tile>(a.rule, place, step.tile * Tile::kQueries, sums);
        __syncthreads();  // nobody reads the queries any more
        walk.advance();
        if (walk.more()) load_f32_step<Tile>(copies, a, query_row, walk.next);
        turn = DqTurn::of<Tile>(a, place, step);
        add_f32_dq<Tile>(a, query_row, step, turn);
    }
    copies.template wait<0>();
    __syncthreads();
    turn.pass();
    store_f32_keys<Tile>(a, place, sums);
}

}  // namespace headroom::device
