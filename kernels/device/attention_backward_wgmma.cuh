#pragma once

// Gradients of fused attention on sm_90a: the pass of attention_backward_pass.cuh, with products of
// two warpgroups that have 64 keys of a block each. Probabilities and the scores' gradients are
// left factors of dv and dk in registers; the latter go through shared memory for dq alone, whose
// product is given to the sums of all blocks while the next step's scores are computed.

#include "kernels/device/attention_backward_pass.cuh"
#include "kernels/device/attention_backward_tile.cuh"
#include "kernels/device/panels.cuh"

namespace headroom::device {

/// Shape of the tiles of heads that are kHead and kValue wide. The warpgroups
/// share a tile of dq by its rows where it has 128, else by its columns.
template <class Element, int kHeadDim, int kValueDim, int kQueryCount>
struct BackwardWgmmaTile {
    using T = Element;
    static constexpr int kHead = kHeadDim;
    static constexpr int kValue = kValueDim;
    static constexpr int kThreads = 2 * kWarpgroup;
    static constexpr bool kPlain = true;
    static constexpr bool kExact = true;
    static constexpr int kKeys = 128;
    static constexpr int kQueries = kQueryCount;
    static constexpr int kRowTiles = 1;  ///< of a warp's keys
    static constexpr int kScoreTiles = kQueries / 8;
    static constexpr int kHeadTiles = kHead / 8;
    static constexpr int kValueTiles = kValue / 8;
    static constexpr int kQueryWarps = kQueries / 16;  ///< that share the rows of dq
    static constexpr int kSumRowTiles = 1;
    static constexpr int kSumColumns = kHead * kQueryWarps / 8;
    static constexpr int kKeyBytes = kPanelsBytes<kKeys, kHead>;
    static constexpr int kValueBytes = kPanelsBytes<kKeys, kValue>;
    static constexpr int kQueryBytes = kPanelsBytes<kQueries, kHead>;
    static constexpr int kOutBytes = kPanelsBytes<kQueries, kValue>;
    static constexpr int kScoreBytes = kPanelsBytes<kKeys, kQueries>;
    static constexpr std::size_t kSharedBytes = kPanelSwizzle + kKeyBytes + kValueBytes +
                                                2 * (kQueryBytes + kOutBytes + kScoreBytes) +
                                                4 * kQueries * sizeof(float);
    static_assert(kSumColumns == 64 && (kQueries == 64 || kQueries == 128));
};

/// A block's shared memory. Gradients of scores have two stages as well: those of the step before
/// may still be multiplied.
template <class Tile>
struct BackwardPanels {
    using T = typename Tile::T;
    T* first;
    __device__ __forceinline__ T* at(int bytes) const { return first + bytes / sizeof(T); }
    __device__ __forceinline__ T* k() const { return first; }
    __device__ __forceinline__ T* v() const { return at(Tile::kKeyBytes); }
    __device__ __forceinline__ T* q(int stage) const {
        return v() + (Tile::kValueBytes + stage * Tile::kQueryBytes) / sizeof(T);
    }
    __device__ __forceinline__ T* dout(int stage) const {
        return q(2) + stage * Tile::kOutBytes / sizeof(T);
    }
    /// (keys, queries)
    __device__ __forceinline__ T* dscores(int stage) const {
        return dout(2) + stage * Tile::kScoreBytes / sizeof(T);
    }
    __device__ __forceinline__ float* lse(int stage) const {
        return reinterpret_cast<float*>(dscores(2)) + stage * Tile::kQueries;
    }
    __device__ __forceinline__ float* delta(int stage) const {
        return lse(2) + stage * Tile::kQueries;
    }
};

/// Starts the copies of a step's queries.
template <class Tile, class T>
__device__ __forceinline__ void load_step(AsyncCopies& copies, const BackwardPanels<Tile>& panels,
                                          const BackwardOperands<T>& a, std::int64_t sequence_row,
                                          const QueryStep& step) {
    const int first = step.tile * Tile::kQueries;
    const int rows = a.rule.queries - first;
    const std::int64_t row = sequence_row + first;
    load_panels<Tile::kThreads, Tile::kQueries, Tile::kHead>(
        copies, panels.q(step.stage),
        HeadRows<const T>{a.q.at(row, std::int64_t{step.head} * Tile::kHead), a.q.stride, rows,
                          Tile::kHead});
    load_panels<Tile::kThreads, Tile::kQueries, Tile::kValue>(
        copies, panels.dout(step.stage),
        HeadRows<const T>{a.dout.at(row, std::int64_t{step.head} * Tile::kValue), a.dout.stride,
                          rows, Tile::kValue});
    load_row_numbers<Tile>(copies, a, row, step, panels.lse(step.stage), panels.delta(step.stage));
    copies.commit();
}

/// Sums that a warp keeps in registers.
template <class Tile>
struct WgmmaSums {
    float dk[1][Tile::kHeadTiles][4];
    float dv[1][Tile::kValueTiles][4];
};

/// The keys' factors of a warpgroup. Their descriptors are not kept: registers are the sums'.
template <class Tile, class T>
__device__ __forceinline__ PanelFactor<Tile::kKeys, Along::sum> own_keys(const T* panels,
                                                                         int group) {
    return PanelFactor<Tile::kKeys, Along::sum>(panels +
                                                recomputed(group) * 64 * (kPanelRow / sizeof(T)));
}

/// Scores of a step and what becomes of them: dv, dk and, in shared memory, their gradients.
/// `meanwhile` is called while the scores are computed, `ending` while the last sums are.
template <class Tile, class T, class Meanwhile, class Ending>
__device__ __forceinline__ void take_step(Products& products, const BackwardPanels<Tile>& panels,
                                          const BackwardOperands<T>& a, const KeyPlace& place,
                                          const QueryStep& step, int group, WgmmaSums<Tile>& sums,
                                          const Meanwhile& meanwhile, const Ending& ending) {
    using QueriesAsColumns = PanelFactor<Tile::kQueries, Along::sum>;
    using QueriesAsTerms = PanelFactor<Tile::kQueries, Along::other>;
    const T* const q = panels.q(step.stage);
    const T* const dout = panels.dout(step.stage);
    float s[1][Tile::kScoreTiles][4];
    multiply<T, Tile::kHead / 16>(products, s[0], own_keys<Tile>(panels.k(), group),
                                  QueriesAsColumns(q));
    meanwhile();
    float dp[1][Tile::kScoreTiles][4];
    multiply<T, Tile::kValue / 16>(products, dp[0], own_keys<Tile>(panels.v(), group),
                                   QueriesAsColumns(dout));
    products.template wait<1>();
    products.settle(s[0]);
    const int first_query = step.tile * Tile::kQueries;
    const int lane_query = lane_id() % 4 * 2;
    const int row = warp_id() * 16;
    FragmentsOfA<1, Tile::kScoreTiles / 2> packed;
    take_probabilities<Tile>(s, packed, a.rule, HeadRow{}, panels.lse(step.stage) + lane_query,
                             place.first + row + lane_id() / 4, first_query + lane_query,
                             all_seen<Tile>(a.rule, place, first_query));
    multiply_add<T>(products, sums.dv[0], packed, QueriesAsTerms(dout));
    products.template wait<1>();
    products.settle(dp[0]);
    take_gradients<Tile>(s, dp, panels.delta(step.stage) + lane_query);
    FragmentsOfA<1, Tile::kScoreTiles / 2> gradients;
    pack_fragments<T>(gradients, s);
    put_packed<Tile::kKeys>(panels.dscores(step.stage), row, gradients);
    multiply_add<T>(products, sums.dk[0], gradients, QueriesAsTerms(q));
    ending();
    products.template wait<0>();
    products.settle(sums.dv[0]);
    products.settle(sums.dk[0]);
}

/// A warpgroup's share of a tile of dq.
template <class Tile>
__device__ __forceinline__ void start_dq(Products& products, const BackwardPanels<Tile>& panels,
                                         int stage, int group, QueryShare<Tile>& dq) {
    using T = typename Tile::T;
    using KeysAsTerms = PanelFactor<Tile::kKeys, Along::other>;
    constexpr bool kByRows = Tile::kQueries == 128;
    const int panel = group * (kPanelBytes<Tile::kKeys> / sizeof(T));
    multiply<T, Tile::kKeys / 16>(products, dq.sum[0],
                                  KeysAsTerms(panels.dscores(stage) + (kByRows ? panel : 0)),
                                  KeysAsTerms(panels.k() + (kByRows ? 0 : panel)));
}

/// A block's share of a tile of dq, given as add_to_dq does.
template <class Tile, class T>
__device__ __forceinline__ void give_to_dq(const BackwardOperands<T>& a, std::int64_t sequence_row,
                                           const QueryStep& step, const QueryShare<Tile>& dq,
                                           bool first, bool last) {
    if (last) return finish_dq<Tile>(a, sequence_row, step, dq, first);
    if (first) {
        return each_pair<Tile>(a, sequence_row, step,
                               [&](int i, int n, std::int64_t row, std::int64_t column) {
                                   write(a.sums.at(row, column), dq.at(i, n));
                               });
    }
    each_pair<Tile>(a, sequence_row, step,
                    [&](int i, int n, std::int64_t row, std::int64_t column) {
                        add_in_memory(a.sums.at(row, column), dq.at(i, n));
                    });
}

/// dk and dv leave through the panels of k and v.
template <class Tile, class T>
__device__ __forceinline__ void store_wgmma_keys(const BackwardPanels<Tile>& panels,
                                                 const BackwardOperands<T>& a, KeyPlace place,
                                                 const WgmmaSums<Tile>& sums) {
    // Not kept in registers since the keys were loaded.
    place.row = std::int64_t{recomputed(place.sequence)} * a.rule.keys + place.first;
    place.left = a.rule.keys - recomputed(place.first);
    place.head = recomputed(place.head);
    const int row = warp_id() * 16;
    put_sums<Tile::kKeys>(panels.k(), row, sums.dk[0], a.rule.scale);
    put_sums<Tile::kKeys>(panels.v(), row, sums.dv[0], 1.0F);
    __syncthreads();
    const int thread = static_cast<int>(threadIdx.x);
    store_panels<Tile::kThreads, Tile::kKeys, Tile::kKeys, Tile::kHead>(
        panels.k(), 0, key_rows<T, T>(a.dk, place, Tile::kHead), thread);
    store_panels<Tile::kThreads, Tile::kKeys, Tile::kKeys, Tile::kValue>(
        panels.v(), 0, key_rows<T, T>(a.dv, place, Tile::kValue), thread);
}

template <class Tile, class T>
__device__ __forceinline__ void load_keys(AsyncCopies& copies, const BackwardPanels<Tile>& panels,
                                          const BackwardOperands<T>& a, const KeyPlace& place) {
    load_panels<Tile::kThreads, Tile::kKeys, Tile::kHead>(
        copies, panels.k(), key_rows<const T, const T>(a.k, place, Tile::kHead));
    load_panels<Tile::kThreads, Tile::kKeys, Tile::kValue>(
        copies, panels.v(), key_rows<const T, const T>(a.v, place, Tile::kValue));
    copies.commit();
}

/// A block's work. Between two barriers, products of one step's dq and of the next step's scores
/// and sums follow each other. One thread awaits and passes on the turns to add to dq, which takes
/// as long as memory does: while products run, before a barrier and after one.
template <class Tile, class T>
__device__ __forceinline__ void attend_backward(const BackwardOperands<T>& a) {
    const KeyPlace place = take_keys<Tile>(a);
    const BackwardPanels<Tile> panels{panel_memory<T>()};
    const int group = uniform_warp() / 4;
    const auto query_row = [&] {
        return std::int64_t{recomputed(place.sequence)} * a.rule.queries;
    };
    const QueryWalk walk = QueryWalk::of<Tile>(a.rule, place, a.group);
    AsyncCopies copies;
    load_keys<Tile>(copies, panels, a, place);
    const auto load = [&](const QueryStep& step) {
        if (walk.has(step)) load_step<Tile>(copies, panels, a, query_row(), step);
    };
    const auto meet = [&] {
        copies.template wait<0>();
        show_to_products();
        __syncthreads();
    };
    Products products;
    WgmmaSums<Tile> sums;
    clear(sums.dk);
    clear(sums.dv);
    QueryStep step = walk.next;
    load(step);
    meet();
    if (walk.has(step)) {
        DqTurn turn{};    // of the step whose share of dq is next
        DqTurn before{};  // that has been taken and not passed on
        const auto take_turn = [&] {
            turn = DqTurn::of<Tile>(a, place, step);
            turn.await();
        };
        QueryShare<Tile> dq;
        const auto give = [&](const QueryStep& to) {
            products.settle(dq.sum[0]);
            give_to_dq<Tile>(a, query_row(), to, dq, turn.number == 0, turn.last);
            before = turn;
        };
        load(walk.after(step));
        take_step<Tile>(
            products, panels, a, place, step, group, sums, [] {}, take_turn);
        while (walk.has(walk.after(step))) {
            meet();
            const QueryStep done = step;
            step = walk.after(step);
            start_dq(products, panels, done.stage, group, dq);
            before.pass();
            load(walk.after(step));
            const auto give_done = [&] {
                products.template wait<1>();
                give(done);
            };
            take_step<Tile>(products, panels, a, place, step, group, sums, give_done, take_turn);
        }
        meet();
        start_dq(products, panels, step.stage, group, dq);
        before.pass();
        products.template wait<0>();
        give(step);
        __syncthreads();
        before.pass();
    }
    store_wgmma_keys<Tile>(panels, a, place, sums);
}

/// Grid: blocks of keys times key heads times sequences. Scores are plain.
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    attention_grad_wgmma_kernel(BackwardOperands<typename Tile::T> a) {
    if constexpr (kWgmma) attend_backward<Tile>(a);
}

}  // namespace headroom::device
