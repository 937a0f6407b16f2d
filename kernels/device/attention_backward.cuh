#pragma once

// Gradients of fused attention on tensor cores: one pass with five products. A block keeps dk and
// dv of its keys in registers. Scores are computed keys by queries, so that a warp's results are
// the left factors of dv and dk as they are.

#include "kernels/device/attention_backward_pass.cuh"
#include "kernels/device/attention_backward_tile.cuh"

namespace headroom::device {

/// Starts the copies of a step's queries.
template <class Tile, class T>
__device__ __forceinline__ void load_step(AsyncCopies& copies, const BackwardOperands<T>& a,
                                          std::int64_t sequence_row, const QueryStep& step) {
    const BackwardShared<Tile> shared;
    const int first = step.tile * Tile::kQueries;
    const int rows = a.rule.queries - first;
    const std::int64_t row = sequence_row + first;
    load_tile<Tile::kThreads, Tile::kQueries, Tile::kHead>(
        copies, shared.q(step.stage),
        HeadRows<const T>{a.q.at(row, std::int64_t{step.head} * a.head_dim), a.q.stride, rows,
                          a.head_dim});
    load_tile<Tile::kThreads, Tile::kQueries, Tile::kValue>(
        copies, shared.dout(step.stage),
        HeadRows<const T>{a.dout.at(row, std::int64_t{step.head} * a.value_dim), a.dout.stride,
                          rows, a.value_dim});
    load_row_numbers<Tile>(copies, a, row, step, shared.lse(step.stage), shared.delta(step.stage));
    copies.commit();
}

/// A block's share of a tile of dq is added to what the blocks before it added; the last one
/// finishes the tile.
template <class Tile, class T>
__device__ __forceinline__ void add_to_dq(const BackwardOperands<T>& a, std::int64_t sequence_row,
                                          const QueryStep& step, bool first, bool last) {
    const BackwardShared<Tile> shared;
    const int warp_row = warp_id() % Tile::kQueryWarps * 16 * Tile::kSumRowTiles;
    const int warp_column = warp_id() / Tile::kQueryWarps * Tile::kSumColumns;
    QueryShare<Tile> share;
    clear(share.sum);
    multiply<T, Tile::kKeys / 16>(
        share.sum,
        ColumnsOfA<T, Tile::kScorePitch, kStepsAhead<Tile::kHead>>(shared.dscores() + warp_row),
        RowsOfB<T, Tile::kHeadPitch>(shared.k() + warp_column));
    if (last) return finish_dq<Tile>(a, sequence_row, step, share, first);
    each_pair<Tile>(a, sequence_row, step,
                    [&](int i, int n, std::int64_t row, std::int64_t column) {
                        float* const at = a.sums.at(row, column);
                        first ? write(at, share.at(i, n)) : add_in_memory(at, share.at(i, n));
                    });
}

/// Sums that a warp keeps in registers.
template <class Tile>
struct KeySums {
    float dk[Tile::kRowTiles][Tile::kHeadTiles][4];
    float dv[Tile::kRowTiles][Tile::kValueTiles][4];
};

/// Scores of a step, their probabilities and their gradients. What only this warp's keys need is
/// added to its sums; what others need goes to shared memory.
template <class Tile, class T>
__device__ __forceinline__ void take_step(const BackwardOperands<T>& a, const KeyPlace& place,
                                          const QueryStep& step, KeySums<Tile>& sums) {
    const BackwardShared<Tile> shared;
    const WarpShare<Tile> share;
    const T* const q = shared.q(step.stage);
    const T* const dout = shared.dout(step.stage);
    float s[Tile::kRowTiles][Tile::kScoreTiles][4];
    clear(s);
    multiply<T, Tile::kHead / 16>(
        s,
        RowsOfA<T, Tile::kHeadPitch, kStepsAhead<Tile::kHead>>(shared.k() +
                                                               share.key * Tile::kHeadPitch),
        ColumnsOfB<T, Tile::kHeadPitch>(q + share.query * Tile::kHeadPitch));
    const int first_query = step.tile * Tile::kQueries;
    const bool whole = a.rule.plain() && all_seen<Tile>(a.rule, place, first_query);
    const int lane_query = share.query + lane_id() % 4 * 2;
    FragmentsOfA<Tile::kRowTiles, Tile::kScoreTiles / 2> packed;
    take_probabilities<Tile>(
        s, packed, a.rule, HeadRow{shared.head_row()}, shared.lse(step.stage) + lane_query,
        place.first + share.key + lane_id() / 4, first_query + lane_query, whole);
    if constexpr (Tile::kColumnWarps == 1) {
        multiply<T, Tile::kQueries / 16>(sums.dv, packed, RowsOfB<T, Tile::kValuePitch>(dout));
    } else {
        put_packed<Tile::kScorePitch>(shared.probabilities() + share.score(), packed);
    }
    float dp[Tile::kRowTiles][Tile::kScoreTiles][4];
    clear(dp);
    multiply<T, Tile::kValue / 16>(
        dp,
        RowsOfA<T, Tile::kValuePitch, kStepsAhead<Tile::kHead>>(shared.v() +
                                                                share.key * Tile::kValuePitch),
        ColumnsOfB<T, Tile::kValuePitch>(dout + share.query * Tile::kValuePitch));
    take_gradients<Tile>(s, dp, shared.delta(step.stage) + lane_query);
    pack_fragments<T>(packed, s);
    put_packed<Tile::kScorePitch>(shared.dscores() + share.score(), packed);
    if constexpr (Tile::kColumnWarps == 1) {
        multiply<T, Tile::kQueries / 16>(sums.dk, packed, RowsOfB<T, Tile::kHeadPitch>(q));
    }
}

/// The same sums where warps share keys: each has all queries of some columns.
template <class Tile>
__device__ __forceinline__ void take_shared_step(int stage, KeySums<Tile>& sums) {
    using T = typename Tile::T;
    const BackwardShared<Tile> shared;
    const WarpShare<Tile> share;
    const int rows = share.key * Tile::kScorePitch;
    multiply<T, Tile::kQueries / 16>(
        sums.dv, RowsOfA<T, Tile::kScorePitch>(shared.probabilities() + rows),
        RowsOfB<T, Tile::kValuePitch>(shared.dout(stage) + share.value_column()));
    multiply<T, Tile::kQueries / 16>(
        sums.dk, RowsOfA<T, Tile::kScorePitch>(shared.dscores() + rows),
        RowsOfB<T, Tile::kHeadPitch>(shared.q(stage) + share.head_column()));
}

/// dk and dv leave through the tiles of k and v.
template <class Tile, class T>
__device__ __forceinline__ void store_keys(const BackwardOperands<T>& a, const KeyPlace& place,
                                           const KeySums<Tile>& sums) {
    const BackwardShared<Tile> shared;
    const WarpShare<Tile> share;
    put_fragments<Tile::kHeadPitch>(shared.k() + share.key * Tile::kHeadPitch + share.head_column(),
                                    sums.dk, a.rule.scale);
    put_fragments<Tile::kValuePitch>(
        shared.v() + share.key * Tile::kValuePitch + share.value_column(), sums.dv, 1.0F);
    __syncthreads();
    const int thread = static_cast<int>(threadIdx.x);
    store_tile<Tile::kThreads, Tile::kKeys, Tile::kHead, Tile::kHeadPitch>(
        shared.k(), key_rows<T, T>(a.dk, place, a.head_dim), thread);
    store_tile<Tile::kThreads, Tile::kKeys, Tile::kValue, Tile::kValuePitch>(
        shared.v(), key_rows<T, T>(a.dv, place, a.value_dim), thread);
}

/// Grid: blocks of keys times key heads times sequences.
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocks)
    attention_grad_kernel(BackwardOperands<typename Tile::T> a) {
    using T = typename Tile::T;
    const BackwardShared<Tile> shared;
    const KeyPlace place = take_keys<Tile>(a);
    const std::int64_t query_row = std::int64_t{place.sequence} * a.rule.queries;
    AsyncCopies copies;
    load_tile<Tile::kThreads, Tile::kKeys, Tile::kHead>(
        copies, shared.k(), key_rows<const T, const T>(a.k, place, a.head_dim));
    load_tile<Tile::kThreads, Tile::kKeys, Tile::kValue>(
        copies, shared.v(), key_rows<const T, const T>(a.v, place, a.value_dim));
    copies.commit();
    QueryWalk walk = QueryWalk::of<Tile>(a.rule, place, a.group);
    const auto load_next = [&] {
        if (!walk.more()) return;
        load_step<Tile>(copies, a, query_row, walk.next);
        walk.advance();
    };

    KeySums<Tile> sums;
    clear(sums.dk);
    clear(sums.dv);
    DqTurn turn{};  // that the block has taken and not passed on
    int head = -1;
    QueryStep step = walk.next;
    load_next();
    while (step.head < walk.end_head) {
        copies.template wait<0>();
        __syncthreads();
        turn.pass();
        if (!a.rule.plain() && step.head != head) {
            head = step.head;
            a.rule.copy_head_row(shared.head_row(), head);
            __syncthreads();
        }
        const QueryStep following = walk.next;
        load_next();
        take_step<Tile>(a, place, step, sums);
        turn = DqTurn::of<Tile>(a, place, step);
        turn.await();
        __syncthreads();
        if constexpr (Tile::kColumnWarps > 1) take_shared_step<Tile>(step.stage, sums);
        add_to_dq<Tile>(a, query_row, step, turn.number == 0, turn.last);
        step = following;
    }
    copies.template wait<0>();
    __syncthreads();
    turn.pass();
    store_keys<Tile>(a, place, sums);
}

}  // namespace headroom::device
