#pragma once

// What an attention keeps in the workspace while it runs: parameters as its kernels read them.

#include <string>

#include "kernels/cpu/slices.h"
#include "kernels/device/any_number.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/device/score_rule.cuh"

namespace headroom::device {

inline constexpr int kPrepareThreads = 128;

/// A block a head: what is added to its scores, and its sink as f32.
static __global__ void __launch_bounds__(kPrepareThreads)
    prepare_scores(AttentionShape shape, std::int64_t buckets, Numbers bias, float* head_rows,
                   Numbers sinks, float* sinks_out) {
    const int head = static_cast<int>(blockIdx.x);
    const int thread = static_cast<int>(threadIdx.x);
    if (thread == 0 && sinks.data != nullptr) sinks_out[head] = sinks.read(0, head);
    if (head_rows == nullptr) return;
    float* const row = head_rows + head * HeadRow::kFloats;
    for (int i = thread; i < kBiasOffsets; i += kPrepareThreads) {
        const bool biased = bias.data != nullptr;
        row[i] = biased ? bias.read(relative_bucket(shape, buckets, i - kBiasReach), head) : 0.0F;
    }
    if (thread > 0) return;
    const double slope = shape.alibi ? alibi_slope(head, gridDim.x) : 0.0;
    row[kBiasOffsets] = static_cast<float>(slope);
}

/// The prepared parameters of an attention; null: none.
struct AttentionParameters {
    const float* head_rows = nullptr;
    const float* sinks = nullptr;
};

/// Prepares them on the launch's stream.
inline AttentionParameters prepare_parameters(const Launch& launch, Slices& space,
                                              const AttentionShape& shape, std::int64_t heads,
                                              const TensorView* bias, const TensorView* sinks) {
    const bool shaped = shapes_scores(shape, bias != nullptr);
    if (!shaped && sinks == nullptr) return {};
    float* const head_rows = shaped ? space.take<float>(heads * HeadRow::kFloats) : nullptr;
    float* const sink_values = sinks == nullptr ? nullptr : space.take<float>(heads);
    const std::int64_t buckets = bias == nullptr ? 0 : bias->shape[0];
    launch_kernel(prepare_scores, {static_cast<unsigned>(heads)}, {kPrepareThreads}, 0,
                  launch.stream, shape, buckets, numbers_of(bias), head_rows, numbers_of(sinks),
                  sink_values);
    return {head_rows, sink_values};
}

/// Buckets beyond kBiasReach would differ where the table ends.
inline std::string refuse_buckets(const TensorView& bias) {
    constexpr std::int64_t kMostBuckets = kBiasReach;
    if (bias.shape[0] <= kMostBuckets) return {};
    return "a relative bias of " + std::to_string(bias.shape[0]) +
           " buckets; the CUDA kernels take up to " + std::to_string(kMostBuckets);
}

}  // namespace headroom::device
