#pragma once

// Who works on what in the one pass of the backward kernels of fused attention: a block takes kKeys
// keys of one key head and walks over the queries, of all heads of the group, that see them. dq is
// a sum over blocks: they add to it one after the other, in the order of their keys (turns.cuh),
// and the last one scales and rounds it.

#include "kernels/device/attention_tile.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/device/score_rule.cuh"
#include "kernels/device/turns.cuh"

namespace headroom::device {

template <class T>
struct BackwardOperands {
    Rows<const T> q{};
    Rows<const T> k{};
    Rows<const T> v{};
    Rows<const T> dout{};
    Rows<const float> lse{};
    Rows<const float> delta{};
    Rows<float> sums{};  ///< of dq, before the last block's share
    Rows<T> dq{};
    Rows<T> dk{};
    Rows<T> dv{};
    unsigned* ticket = nullptr;  ///< 0 at the start
    unsigned* turns = nullptr;   ///< (sequences, H, query tiles), 0 at the start
    int head_dim = 0;
    int value_dim = 0;
    int sequences = 1;
    int heads = 1;
    int group = 1;  ///< query heads of a key head
    ScoreRule rule{};
};

/// Blocks of keys that a tile of queries sees: first to last.
struct KeyBlocks {
    int first;
    int last;
};
template <class Tile>
__device__ __forceinline__ KeyBlocks key_blocks(const ScoreRule& rule, int query_tile) {
    const int first_query = query_tile * Tile::kQueries;
    const int end = first_query + Tile::kQueries;
    const int last_query = (end < rule.queries ? end : rule.queries) - 1;
    const int last = (rule.end_key(rule.position(last_query)) - 1) / Tile::kKeys;
    const int first = rule.first_key(rule.position(first_query)) / Tile::kKeys;
    return {first < last ? first : last, last};  // one at least: somebody has to write dq
}

/// The first of 0 <= i < count that satisfies a condition which stays true; count: none.
template <class Condition>
__device__ __forceinline__ int first_where(int count, const Condition& condition) {
    int begin = 0;
    while (begin < count) {
        const int middle = (begin + count) / 2;
        if (condition(middle)) {
            count = middle;
        } else {
            begin = middle + 1;
        }
    }
    return begin;
}

/// Which queries a block has in work: a head, a tile of its queries, and half of the buffers.
struct QueryStep {
    int head;
    int tile;
    int stage;
};

/// The keys of a block.
struct KeyPlace {
    int sequence;
    int head;
    int block;         ///< of the sequence's
    int first;         ///< key
    int left;          ///< keys from there on
    std::int64_t row;  ///< of the first key, among all sequences'
};

/// Blocks take tickets when they start, so that whoever waits for another does so for one that
/// runs: keys that more queries see first, and before every block those that it waits for.
template <class Tile, class T>
__device__ __forceinline__ KeyPlace take_keys(const BackwardOperands<T>& a) {
    __shared__ SharedArray<unsigned, 1> ticket;
    if (threadIdx.x == 0) ticket[0] = atomicAdd(a.ticket, 1U);
    __syncthreads();
    const int work = static_cast<int>(ticket[0]);
    const int heads = a.heads / a.group;
    KeyPlace place{};
    place.head = work % heads;
    place.sequence = work / heads % a.sequences;
    place.block = work / heads / a.sequences;
    place.first = place.block * Tile::kKeys;
    place.left = a.rule.keys - place.first;
    place.row = std::int64_t{place.sequence} * a.rule.keys + place.first;
    return place;
}

template <class T, class U>
__device__ __forceinline__ HeadRows<U> key_rows(const Rows<T>& matrix, const KeyPlace& place,
                                                int width) {
    return {matrix.at(place.row, std::int64_t{place.head} * width), matrix.stride, place.left,
            width};
}

/// The tiles of queries that see some of a block's keys, last to first, head by head.
struct QueryWalk {
    int first_tile;
    int end_tile;
    int end_head;
    QueryStep next;

    template <class Tile>
    __device__ __forceinline__ static QueryWalk of(const ScoreRule& rule, const KeyPlace& place,
                                                   int group) {
        const int tiles = (rule.queries + Tile::kQueries - 1) / Tile::kQueries;
        QueryWalk walk{};
        walk.first_tile = first_where(
            tiles, [&](int tile) { return key_blocks<Tile>(rule, tile).last >= place.block; });
        walk.end_tile = first_where(
            tiles, [&](int tile) { return key_blocks<Tile>(rule, tile).first > place.block; });
        walk.end_head = (place.head + 1) * group;
        const bool some = walk.first_tile < walk.end_tile;
        walk.next = {some ? place.head * group : walk.end_head, walk.end_tile - 1, 0};
        return walk;
    }
    __device__ __forceinline__ bool has(const QueryStep& step) const {
        return step.head < end_head;
    }
    __device__ __forceinline__ bool more() const { return has(next); }
    __device__ __forceinline__ QueryStep after(QueryStep step) const {
        step.stage ^= 1;
        if (--step.tile >= first_tile) return step;
        step.tile = end_tile - 1;
        ++step.head;
        return step;
    }
    __device__ __forceinline__ void advance() { next = after(next); }
};

/// Whether all queries of a tile, from `first_query` on, see all of the block's keys.
template <class Tile>
__device__ __forceinline__ bool all_seen(const ScoreRule& rule, const KeyPlace& place,
                                         int first_query) {
    const int low = rule.position(first_query);
    const int high = rule.position(first_query + Tile::kQueries - 1);
    return place.first >= rule.first_key(high) && place.first + Tile::kKeys <= rule.end_key(low);
}

/// A warp's share of a tile of dq: pairs of neighbouring columns, in row 8 i of the warp's rows and
/// from column 8 n of its columns on.
template <class Tile>
struct QueryShare {
    static constexpr int kRows = 2 * Tile::kSumRowTiles;
    static constexpr int kColumns = Tile::kSumColumns / 8;
    float sum[Tile::kSumRowTiles][kColumns][4];
    __device__ __forceinline__ Pair at(int i, int n) const {
        return {sum[i / 2][n][i % 2 * 2], sum[i / 2][n][i % 2 * 2 + 1]};
    }
};

/// visit(i, n, row, column) of the pairs of a warp's share that are there.
template <class Tile, class T, class Visit>
__device__ __forceinline__ void each_pair(const BackwardOperands<T>& a, std::int64_t sequence_row,
                                          const QueryStep& step, const Visit& visit) {
    using Share = QueryShare<Tile>;
    const int warp_row = warp_id() % Tile::kQueryWarps * 16 * Tile::kSumRowTiles;
    const int warp_column = warp_id() / Tile::kQueryWarps * Tile::kSumColumns;
    const int width = Tile::kExact ? Tile::kHead : a.head_dim;
    const std::int64_t first_column =
        std::int64_t{step.head} * width + warp_column + lane_id() % 4 * 2;
#pragma unroll
    for (int i = 0; i < Share::kRows; ++i) {
        const int query = step.tile * Tile::kQueries + warp_row + 8 * i + lane_id() / 4;
        if (query >= a.rule.queries) continue;
#pragma unroll
        for (int n = 0; n < Share::kColumns; ++n) {
            if (!Tile::kExact && warp_column + 8 * n >= width) continue;  // a multiple of 8
            visit(i, n, sequence_row + query, first_column + 8 * n);
        }
    }
}

/// Finishes a tile of dq. What others added is read all at once: one read after the other would
/// take longer than a whole step.
template <class Tile, class T>
__device__ __forceinline__ void finish_dq(const BackwardOperands<T>& a, std::int64_t sequence_row,
                                          const QueryStep& step, const QueryShare<Tile>& share,
                                          bool alone) {
    using Share = QueryShare<Tile>;
    Pair before[Share::kRows][Share::kColumns] = {};
    if (!alone) {
        each_pair<Tile>(a, sequence_row, step,
                        [&](int i, int n, std::int64_t row, std::int64_t column) {
                            before[i][n] = read_past_l1(a.sums.at(row, column));
                        });
    }
    each_pair<Tile>(a, sequence_row, step,
                    [&](int i, int n, std::int64_t row, std::int64_t column) {
                        const Pair mine = share.at(i, n);
                        const Pair sum{before[i][n].x + mine.x, before[i][n].y + mine.y};
                        *reinterpret_cast<std::uint32_t*>(a.dq.at(row, column)) =
                            pack<T>(sum.x * a.rule.scale, sum.y * a.rule.scale);
                    });
}

/// Starts the copies of lse and delta of a step's queries, of which the first is row `row`.
template <class Tile, class T>
__device__ __forceinline__ void load_row_numbers(AsyncCopies& copies, const BackwardOperands<T>& a,
                                                 std::int64_t row, const QueryStep& step,
                                                 float* lse, float* delta) {
    const int i = static_cast<int>(threadIdx.x);
    if (i >= Tile::kQueries) return;
    const bool there = i < a.rule.queries - step.tile * Tile::kQueries;
    copies.copy4(SharedAddress(lse + i), a.lse.at(row + i, step.head), there);
    copies.copy4(SharedAddress(delta + i), a.delta.at(row + i, step.head), there);
}

/// A block's turn to add to a tile of dq.
struct DqTurn {
    unsigned* at = nullptr;
    unsigned number = 0;
    bool last = false;  ///< of the tile's

    template <class Tile, class T>
    __device__ __forceinline__ static DqTurn of(const BackwardOperands<T>& a, const KeyPlace& place,
                                                const QueryStep& step) {
        const int tiles = (a.rule.queries + Tile::kQueries - 1) / Tile::kQueries;
        const KeyBlocks sharing = key_blocks<Tile>(a.rule, step.tile);
        const std::int64_t head = std::int64_t{place.sequence} * a.heads + step.head;
        return {a.turns + head * tiles + step.tile,
                static_cast<unsigned>(place.block - sharing.first), place.block == sharing.last};
    }
    __device__ __forceinline__ void await() const {
        if (threadIdx.x == 0) await_turn(at, number);
    }
    __device__ __forceinline__ void pass() const {
        if (at != nullptr && threadIdx.x == 0) pass_turn(at, number + 1);
    }
};

}  // namespace headroom::device
