#pragma once

// What both passes of a router compute of a token: a warp a token; sums over experts are few and go
// through double, as the CPU's do.

#include "kernels/cpu/slices.h"
#include "kernels/device/reduce.cuh"
#include "kernels/device/rows.cuh"
#include "planner/step/op/routing.h"

namespace headroom::device {

/// A warp holds a token's choices, one a lane, and its experts in shared memory; one pass of
/// counting sorts copies by expert.
inline constexpr std::int64_t kMostChoices = 32;
inline constexpr std::int64_t kMostExperts = 1023;

inline constexpr int kTokenWarps = 8;  ///< of a block
inline constexpr int kTokenThreads = kTokenWarps * simt::kWarp;

/// What one token's probabilities say of its scores.
struct TokenScores {
    ScoreKind kind = ScoreKind::softmax;
    double rest = 0.0;  ///< exp(-lse), of a sigmoid

    __device__ __forceinline__ TokenScores(ScoreKind score, float lse)
        : kind(score), rest(score == ScoreKind::softmax ? 0.0 : exp(-static_cast<double>(lse))) {}
    [[nodiscard]] __device__ __forceinline__ double score(float probability) const {
        const auto p = static_cast<double>(probability);
        return kind == ScoreKind::softmax ? p : p / (p + rest);
    }
    /// d score / d logit, but for what centres a softmax's.
    [[nodiscard]] __device__ __forceinline__ double slope(float probability) const {
        const auto p = static_cast<double>(probability);
        return kind == ScoreKind::softmax ? p : p / (p + rest) * (rest / (p + rest));
    }
    /// Of all experts; every lane gets it.
    [[nodiscard]] __device__ __forceinline__ double total(const float* row, int experts,
                                                          int lane) const {
        if (kind == ScoreKind::softmax) return 1.0;
        double sum = 0.0;
        for (int e = lane; e < experts; e += simt::kWarp) sum += score(row[e]);
        return warp_sum(sum);
    }
};

/// How often each expert was chosen: whole numbers, so the order does not matter.
template <class Unused = void>
__global__ void __launch_bounds__(kTokenThreads)
    count_choices(const std::int32_t* chosen, std::int64_t choices, std::int32_t* counts) {
    const std::int64_t step = std::int64_t{gridDim.x} * kTokenThreads;
    for (std::int64_t i = std::int64_t{blockIdx.x} * kTokenThreads + threadIdx.x; i < choices;
         i += step) {
        atomicAdd(counts + chosen[i], 1);
    }
}

inline std::int32_t* launch_count(const Launch& launch, Slices& slices, const TensorView& chosen,
                                  std::int64_t experts) {
    auto* const counts = slices.take<std::int32_t>(experts);
    fill_bytes(launch.stream, counts, 0, sizeof(*counts) * static_cast<std::size_t>(experts));
    launch_kernel(count_choices<>, {grid_for(divide_up(chosen.count(), kTokenThreads))},
                  {kTokenThreads}, 0, launch.stream, chosen.as<const std::int32_t>(),
                  chosen.count(), counts);
    return counts;
}

}  // namespace headroom::device
