#pragma once

// From a product of query and key to a score: kernels/attention_mask.h as device code, with indices
// of 32 bits.

#include <cstdint>

#include "kernels/attention_mask.h"
#include "kernels/device/mma.cuh"
#include "kernels/launch.h"
#include "planner/step/op/attention.h"

namespace headroom::device {

inline constexpr float kLog2E = 1.44269504088896341F;
inline constexpr float kLn2 = 0.693147180559945309F;

/// Offsets key - query beyond +-kBiasReach share their bias with +-kBiasReach.
inline constexpr int kBiasReach = static_cast<int>(kRelativeDistance);
inline constexpr int kBiasOffsets = 2 * kBiasReach + 1;

/// What one head adds to its scores: a bias for every offset, then ALiBi's slope.
struct HeadRow {
    static constexpr int kFloats = kBiasOffsets + 1;
    const float* at = nullptr;

    /// For a key at `offset` from the query.
    __device__ __forceinline__ float added(int offset) const {
        const int behind = offset < -kBiasReach ? -kBiasReach : offset;
        const int near = behind > kBiasReach ? kBiasReach : behind;
        return at[near + kBiasReach] - at[kBiasOffsets] * fabsf(static_cast<float>(offset));
    }
};

/// Which keys a query sees and how their scores are made; the same for all heads.
struct ScoreRule {
    float scale = 1.0F;
    float unit = kLog2E;   ///< what a plain product, or else a score, is multiplied by
    float softcap = 0.0F;  ///< 0: none
    bool causal = true;
    int window = 0;  ///< beyond all distances: none
    int queries = 0;
    int keys = 0;
    int split = 0;                     ///< queries from here on ...
    int shift = 0;                     ///< ... lie this much further
    const float* head_rows = nullptr;  ///< (H, HeadRow::kFloats); null: scores are plain

    /// Scores are the product times `scale` and nothing else.
    __device__ __forceinline__ bool plain() const { return head_rows == nullptr; }
    __device__ __forceinline__ HeadRow head_row(int head) const {
        return {head_rows + head * HeadRow::kFloats};
    }
    /// The threads of a block copy a head's row, before their next barrier.
    __device__ __forceinline__ void copy_head_row(float* to, int head) const {
        if (plain()) return;
        for (int i = static_cast<int>(threadIdx.x); i < HeadRow::kFloats;
             i += static_cast<int>(blockDim.x)) {
            to[i] = head_row(head).at[i];
        }
    }
    __device__ __forceinline__ int position(int query) const {
        return query < split ? query : query + shift;
    }
    __device__ __forceinline__ int first_key(int position) const {
        const int first = position - window + 1;
        return first > 0 ? first : 0;
    }
    __device__ __forceinline__ int end_key(int position) const {
        const int end = position + (causal ? 1 : window);
        return end < keys ? end : keys;
    }
};

/// Whether scores are more than scaled products.
inline bool shapes_scores(const AttentionShape& shape, bool relative_bias) {
    return shape.softcap != 0.0 || shape.alibi || relative_bias;
}

/// The rule for `queries` and `keys` of one sequence.
inline ScoreRule score_rule(const AttentionShape& shape, std::int64_t queries, std::int64_t keys,
                            const float* head_rows) {
    constexpr std::int64_t kEndless = 1 << 30;
    const QueryRun last = query_run(shape, queries, keys, query_runs(shape, queries, keys) - 1);
    const double scale =
        shape.scale != 0.0 ? shape.scale : 1.0 / std::sqrt(static_cast<double>(shape.head_dim));
    const std::int64_t window = shape.window > 0 ? smaller(shape.window, kEndless) : kEndless;
    return {.scale = static_cast<float>(scale),
            .unit = head_rows == nullptr ? static_cast<float>(scale) * kLog2E : kLog2E,
            .softcap = static_cast<float>(shape.softcap),
            .causal = shape.causal,
            .window = static_cast<int>(window),
            .queries = static_cast<int>(queries),
            .keys = static_cast<int>(keys),
            .split = static_cast<int>(last.first),
            .shift = static_cast<int>(last.position - last.first),
            .head_rows = head_rows};
}

/// tanh to a few units of the last place of 1.
__device__ __forceinline__ float tanh_fast(float x) {
    return 1.0F - __fdividef(2.0F, 1.0F + power_of_two(2.0F * kLog2E * x));
}

/// A score and its derivative by the scaled product.
struct Scored {
    float score;
    float derivative;
};
__device__ __forceinline__ Scored score_of(const ScoreRule& rule, const HeadRow& head,
                                           float product, int offset) {
    float x = product * rule.scale;
    float derivative = 1.0F;
    if (rule.softcap > 0.0F) {
        const float bent = tanh_fast(__fdividef(x, rule.softcap));
        x = rule.softcap * bent;
        derivative = 1.0F - bent * bent;
    }
    return {x + head.added(offset), derivative};
}

}  // namespace headroom::device
