#pragma once

// Fused attention on sm_90a (FlashAttention-3: Shah et al. 2024, without its producer warps). Two
// warpgroups have 64 queries of a block each. While scores of one tile of keys become
// probabilities, those of the tile before are multiplied with their values.

#include "kernels/device/attention_forward.cuh"
#include "kernels/device/panels.cuh"

namespace headroom::device {

/// Shape of the tiles of heads that are kHead and kValue wide.
template <class Element, int kHeadDim, int kValueDim>
struct ForwardWgmmaTile {
    using T = Element;
    static constexpr int kHead = kHeadDim;
    static constexpr int kValue = kValueDim;
    static constexpr int kThreads = 2 * kWarpgroup;
    static constexpr int kRowTiles = 1;  ///< of a warp
    static constexpr int kRows = 128;
    static constexpr int kKeys = 128;
    static constexpr int kScoreTiles = kKeys / 8;
    static constexpr int kValueTiles = kValue / 8;
    static constexpr int kQueryBytes = kPanelsBytes<kRows, kHead>;
    static constexpr int kKeyBytes = kPanelsBytes<kKeys, kHead>;
    static constexpr int kValueBytes = kPanelsBytes<kKeys, kValue>;
    static constexpr std::size_t kSharedBytes =
        kPanelSwizzle + kQueryBytes + 2 * (kKeyBytes + kValueBytes);
    static_assert(kValue <= kHead);  // results leave through the queries' panels
};

/// A block's panels.
template <class Tile>
struct ForwardPanels {
    using T = typename Tile::T;
    T* q;
    __device__ __forceinline__ T* k(int stage) const {
        return q + (Tile::kQueryBytes + stage * Tile::kKeyBytes) / sizeof(T);
    }
    __device__ __forceinline__ T* v(int stage) const {
        return q +
               (Tile::kQueryBytes + 2 * Tile::kKeyBytes + stage * Tile::kValueBytes) / sizeof(T);
    }
};

/// Starts the copy of the block's keys, or values, from `key` on.
template <class Tile, int kColumns, class T>
__device__ __forceinline__ void load_key_panels(AsyncCopies& copies, T* panels,
                                                const ForwardOperands<T>& a,
                                                const Rows<const T>& from, int key, int width) {
    const std::int64_t row = std::int64_t{recomputed(blockIdx.z)} * a.rule.keys + key;
    const std::int64_t key_head = recomputed(blockIdx.y) / a.group;
    load_panels<Tile::kThreads, Tile::kKeys, kColumns>(
        copies, panels,
        HeadRows<const T>{from.at(row, key_head * width), from.stride, a.rule.keys - key, width});
}

/// A warp's sums and what they were shrunk to.
template <class Tile>
struct ForwardSums {
    RunningSoftmax<1> softmax;
    float out[1][Tile::kValueTiles][4];
    FragmentsOfA<1, Tile::kScoreTiles / 2> p;  ///< probabilities not yet multiplied
};

/// Scores that have been computed become probabilities of their rows' maxima so far; returns what
/// sums before them shrink by.
template <class Tile>
__device__ __forceinline__ void weigh_scores(float (&s)[1][Tile::kScoreTiles][4],
                                             ForwardSums<Tile>& sums, const ScoreRule& rule,
                                             const QueryPlace& place, int lane_row, int key,
                                             float (&shrink)[1][2]) {
    mask_scores<Tile>(s, rule, place, lane_row, key + lane_id() % 4 * 2, key);
    sums.softmax.take(s, rule.unit, shrink);
}

/// Starts the scores of the keys in `stage`.
template <class Tile>
__device__ __forceinline__ void start_scores(Products& products,
                                             float (&s)[1][Tile::kScoreTiles][4],
                                             const ForwardPanels<Tile>& panels, int group,
                                             int stage) {
    using T = typename Tile::T;
    multiply<T, Tile::kHead / 16>(products, s[0],
                                  PanelFactor<Tile::kRows, Along::sum>(panels.q + group * 64 * 64),
                                  PanelFactor<Tile::kKeys, Along::sum>(panels.k(stage)));
}

/// Starts the share of the values in `stage`.
template <class Tile>
__device__ __forceinline__ void start_values(Products& products, ForwardSums<Tile>& sums,
                                             const ForwardPanels<Tile>& panels, int stage) {
    multiply_add<typename Tile::T>(products, sums.out[0], sums.p,
                                   PanelFactor<Tile::kKeys, Along::other>(panels.v(stage)));
}

/// The values of the keys before are added while the scores of these are computed. `load` is called
/// when both are under way.
template <class Tile, class T, class Load>
__device__ __forceinline__ void take_keys_of(Products& products, ForwardSums<Tile>& sums,
                                             const ForwardPanels<Tile>& panels,
                                             const ForwardOperands<T>& a, const QueryPlace& place,
                                             int group, int key, int stage, const Load& load) {
    const int lane_row = place.first + warp_id() * 16 + lane_id() / 4;
    float s[1][Tile::kScoreTiles][4];
    start_scores<Tile>(products, s, panels, group, stage);
    start_values<Tile>(products, sums, panels, stage ^ 1);
    load(key, stage);
    products.template wait<1>();
    products.settle(s[0]);
    float shrink[1][2];
    weigh_scores<Tile>(s, sums, a.rule, place, lane_row, key, shrink);
    products.template wait<0>();
    products.settle(sums.out[0]);
    scale_rows(sums.out, shrink);
    pack_fragments<T>(sums.p, s);
}

/// The first keys of a block.
template <class Tile, class T, class Load>
__device__ __forceinline__ void take_first_keys(Products& products, ForwardSums<Tile>& sums,
                                                const ForwardPanels<Tile>& panels,
                                                const ForwardOperands<T>& a,
                                                const QueryPlace& place, int group,
                                                const Load& load) {
    const int lane_row = place.first + warp_id() * 16 + lane_id() / 4;
    float s[1][Tile::kScoreTiles][4];
    start_scores<Tile>(products, s, panels, group, 0);
    load(place.first_key, 0);
    products.template wait<0>();
    products.settle(s[0]);
    float shrink[1][2];
    weigh_scores<Tile>(s, sums, a.rule, place, lane_row, place.first_key, shrink);
    pack_fragments<T>(sums.p, s);
}

/// A block's work. Keys have two stages and are copied a step ahead; values are copied while the
/// scores of their keys are computed.
template <class Tile, class T>
__device__ __forceinline__ void attend(const ForwardOperands<T>& a) {
    const ForwardPanels<Tile> panels{panel_memory<T>()};
    const QueryPlace place = QueryPlace::of<Tile>(a.rule);
    const int group = uniform_warp() / 4;
    AsyncCopies copies;
    load_panels<Tile::kThreads, Tile::kRows, Tile::kHead>(
        copies, panels.q,
        HeadRows<const T>{a.q.at(place.row, std::int64_t{place.head} * Tile::kHead), a.q.stride,
                          place.count, Tile::kHead});
    load_key_panels<Tile, Tile::kHead>(copies, panels.k(0), a, a.k, place.first_key, Tile::kHead);
    copies.commit();
    // All that was copied is there for all; what the step before used is free.
    const auto meet = [&] {
        copies.template wait<0>();
        show_to_products();
        __syncthreads();
    };
    const auto load = [&](int key, int stage) {
        const int next = key + Tile::kKeys;
        if (next < place.end_key) {
            load_key_panels<Tile, Tile::kHead>(copies, panels.k(stage ^ 1), a, a.k, next,
                                               Tile::kHead);
        }
        load_key_panels<Tile, Tile::kValue>(copies, panels.v(stage), a, a.v, key, Tile::kValue);
        copies.commit();
    };
    Products products;
    ForwardSums<Tile> sums;
    clear(sums.out);
    meet();
    take_first_keys<Tile>(products, sums, panels, a, place, group, load);
    int stage = 1;
    for (int key = place.first_key + Tile::kKeys; key < place.end_key; key += Tile::kKeys) {
        meet();
        take_keys_of<Tile>(products, sums, panels, a, place, group, key, stage, load);
        stage ^= 1;
    }
    meet();
    start_values<Tile>(products, sums, panels, stage ^ 1);
    products.template wait<0>();
    products.settle(sums.out[0]);
    finish_rows<Tile>(sums.out, sums.softmax, a, place, warp_id() * 16);
    // Results leave through the warp's own rows of the queries' panels, which the whole block has
    // read.
    const int row = warp_id() * 16;
    put_sums<Tile::kRows>(panels.q, row, sums.out[0], 1.0F);
    __syncwarp();
    store_panels<simt::kWarp, Tile::kRows, 16, Tile::kValue>(
        panels.q, row,
        HeadRows<T>{a.out.at(place.row + row, std::int64_t{place.head} * Tile::kValue),
                    a.out.stride, place.count - row, Tile::kValue},
        lane_id());
}

/// Grid: query tiles, heads, sequences. Scores are plain.
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    attention_wgmma_kernel(ForwardOperands<typename Tile::T> a) {
    if constexpr (kWgmma) attend<Tile>(a);
}

}  // namespace headroom::device
