#pragma once

// Gradient of a relative bias: gradients of scores summed by bucket, in an order that the shapes
// alone decide. A block takes some queries of one head; every lane has its own sum of every bucket.

#include "kernels/device/attention_space.cuh"
#include "kernels/device/reduce.cuh"

namespace headroom::device {

inline constexpr int kBiasGradWarps = 4;
inline constexpr int kBiasGradThreads = 32 * kBiasGradWarps;
/// Queries of a block, and most blocks a head.
inline constexpr std::int64_t kBiasGradQueries = 64;
inline constexpr std::int64_t kBiasGradBlocks = 64;

/// Where the sums lie while they are made.
struct BiasGradSpace {
    int* bucket = nullptr;    ///< of the offsets -kBiasReach to kBiasReach
    float* shares = nullptr;  ///< (blocks, H, buckets)
    std::int64_t blocks = 0;
};

inline BiasGradSpace bias_grad_space(Slices& space, std::int64_t rows, std::int64_t heads,
                                     std::int64_t buckets) {
    BiasGradSpace out;
    out.blocks = smaller(divide_up(rows, kBiasGradQueries), kBiasGradBlocks);
    out.bucket = space.take<int>(kBiasOffsets);
    out.shares = space.take<float>(out.blocks * heads * buckets);
    return out;
}

static __global__ void __launch_bounds__(kPrepareThreads)
    fill_buckets(AttentionShape shape, std::int64_t buckets, int* to) {
    for (int i = static_cast<int>(threadIdx.x); i < kBiasOffsets; i += kPrepareThreads) {
        to[i] = static_cast<int>(relative_bucket(shape, buckets, i - kBiasReach));
    }
}

/// Grid: blocks, heads. gradient(row, head, query, key) is that of one pair's score; `row` counts
/// the queries of all sequences.
template <class Gradient>
__global__ void __launch_bounds__(kBiasGradThreads)
    bias_grad_shares(ScoreRule rule, std::int64_t rows, int buckets, BiasGradSpace space,
                     Gradient gradient) {
    float* const sums = shared_memory<float>();  // (warps, buckets, lanes)
    const int head = static_cast<int>(blockIdx.y);
    const int count = kBiasGradWarps * buckets * 32;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += kBiasGradThreads) sums[i] = 0.0F;
    __syncthreads();
    float* const own = sums + warp_id() * buckets * 32 + lane_id();
    const std::int64_t step = std::int64_t{gridDim.x} * kBiasGradWarps;
    for (std::int64_t row = std::int64_t{blockIdx.x} * kBiasGradWarps + warp_id(); row < rows;
         row += step) {
        const int query = static_cast<int>(row % rule.queries);
        const int position = rule.position(query);
        const int end = rule.end_key(position);
        for (int key = rule.first_key(position) + lane_id(); key < end; key += 32) {
            const int ahead = key - position + kBiasReach;
            const int low = ahead < 0 ? 0 : ahead;
            const int bucket = space.bucket[low < kBiasOffsets ? low : kBiasOffsets - 1];
            own[bucket * 32] += gradient(row, head, query, key);
        }
    }
    __syncthreads();
    float* const shares = space.shares + (std::int64_t{blockIdx.x} * gridDim.y + head) * buckets;
    for (int bucket = warp_id(); bucket < buckets; bucket += kBiasGradWarps) {
        float sum = 0.0F;
        for (int warp = 0; warp < kBiasGradWarps; ++warp) {
            sum += sums[(warp * buckets + bucket) * 32 + lane_id()];
        }
        sum = warp_sum(sum);
        if (lane_id() == 0) shares[bucket] = sum;
    }
}

/// A thread a bucket and head.
static __global__ void __launch_bounds__(kPrepareThreads)
    bias_grad_total(BiasGradSpace space, int heads, int buckets, Numbers dbias, bool added) {
    const int i = static_cast<int>(blockIdx.x * kPrepareThreads + threadIdx.x);
    if (i >= heads * buckets) return;
    float sum = 0.0F;
    for (std::int64_t block = 0; block < space.blocks; ++block) {
        sum += space.shares[block * heads * buckets + i];
    }
    dbias.give(i % buckets, i / buckets, sum, added);
}

/// dbias (buckets, H) from the gradients of the scores of `rows` queries.
template <class Gradient>
void bias_gradient(const Launch& launch, Slices& slices, const AttentionShape& shape,
                   const ScoreRule& rule, std::int64_t rows, std::int64_t heads,
                   const TensorView& dbias, bool added, const Gradient& gradient) {
    const std::int64_t buckets = dbias.shape[0];
    const BiasGradSpace space = bias_grad_space(slices, rows, heads, buckets);
    launch_kernel(fill_buckets, {1}, {kPrepareThreads}, 0, launch.stream, shape, buckets,
                  space.bucket);
    const auto shared = static_cast<std::size_t>(kBiasGradThreads * buckets) * sizeof(float);
    launch_kernel(bias_grad_shares<Gradient>,
                  {static_cast<unsigned>(space.blocks), static_cast<unsigned>(heads)},
                  {kBiasGradThreads}, shared, launch.stream, rule, rows, static_cast<int>(buckets),
                  space, gradient);
    launch_kernel(bias_grad_total,
                  {static_cast<unsigned>(divide_up(heads * buckets, kPrepareThreads))},
                  {kPrepareThreads}, 0, launch.stream, space, static_cast<int>(heads),
                  static_cast<int>(buckets), numbers_of(&dbias), added);
}

}  // namespace headroom::device
