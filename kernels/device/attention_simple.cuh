#pragma once

// Fused attention in single precision for every storage type and head size up to kSimpleColumns: a
// warp takes a query (forward, dq) or a key (dk, dv) and walks over 32 partners at a time, one a
// lane; its sums lie across its lanes, column by column. It is for heads that cannot be copied 16
// bytes at a time, and for those in f32 that are wider than its tiles.

#include "kernels/device/reduce.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/device/score_rule.cuh"

namespace headroom::device {

inline constexpr int kSimpleColumns = 256;
inline constexpr int kSimpleWarps = 4;
inline constexpr int kSimpleThreads = 32 * kSimpleWarps;

/// Operands of the forward and backward kernels; those of the other are empty.
template <class T>
struct SimpleOperands {
    Rows<const T> q{};
    Rows<const T> k{};
    Rows<const T> v{};
    Rows<T> out{};
    Rows<float> lse{};
    const float* sinks = nullptr;
    Rows<const T> dout{};
    Rows<const float> delta{};
    Rows<T> dq{};
    Rows<T> dk{};
    Rows<T> dv{};
    int head_dim = 0;
    int value_dim = 0;
    int group = 1;
    ScoreRule rule{};
};

/// A warp's vector of up to kSimpleColumns columns: column 32 i + lane is the lane's i-th.
struct WarpColumns {
    static constexpr int kEach = kSimpleColumns / 32;
    float value[kEach];

    __device__ __forceinline__ WarpColumns() {
#pragma unroll
        for (float& x : value) x = 0.0F;
    }
    template <class T>
    __device__ __forceinline__ void add(float factor, const T* row, int columns) {
#pragma unroll
        for (int i = 0; i < kEach; ++i) {
            const int column = 32 * i + lane_id();
            if (column < columns) value[i] = fmaf(factor, to_float(row[column]), value[i]);
        }
    }
    __device__ __forceinline__ void scale(float factor) {
#pragma unroll
        for (float& x : value) x *= factor;
    }
    template <class T>
    __device__ __forceinline__ void store(T* row, int columns) const {
#pragma unroll
        for (int i = 0; i < kEach; ++i) {
            const int column = 32 * i + lane_id();
            if (column < columns) row[column] = from_float<T>(value[i]);
        }
    }
};

template <class T>
__device__ __forceinline__ float dot(const T* a, const T* b, int columns) {
    float sum = 0.0F;
    for (int i = 0; i < columns; ++i) sum = fmaf(to_float(a[i]), to_float(b[i]), sum);
    return sum;
}

/// Which row of which head a warp takes. Grid: rows, heads, sequences.
struct WarpTask {
    int row = static_cast<int>(blockIdx.x) * kSimpleWarps + warp_id();
    int head = static_cast<int>(blockIdx.y);
    int sequence = static_cast<int>(blockIdx.z);
};
inline Extent3 warp_grid(std::int64_t rows, std::int64_t heads, std::int64_t sequences) {
    return {static_cast<unsigned>(divide_up(rows, kSimpleWarps)), static_cast<unsigned>(heads),
            static_cast<unsigned>(sequences)};
}

template <class T>
__device__ __forceinline__ Scored simple_score(const SimpleOperands<T>& a, const T* q, const T* k,
                                               int head, int offset) {
    const float product = dot(q, k, a.head_dim);
    if (a.rule.plain()) return {product * a.rule.scale, 1.0F};
    return score_of(a.rule, a.rule.head_row(head), product, offset);
}

template <class T>
__global__ void __launch_bounds__(kSimpleThreads) simple_attention_kernel(SimpleOperands<T> a) {
    const WarpTask task;
    if (task.row >= a.rule.queries) return;
    const std::int64_t query = std::int64_t{task.sequence} * a.rule.queries + task.row;
    const std::int64_t first_row = std::int64_t{task.sequence} * a.rule.keys;
    const std::int64_t key_head = task.head / a.group;
    const T* const q = a.q.at(query, std::int64_t{task.head} * a.head_dim);
    const int position = a.rule.position(task.row);
    const int first = a.rule.first_key(position);
    const int end = a.rule.end_key(position);
    float top = a.sinks == nullptr ? -INFINITY : a.sinks[task.head];
    float sum = a.sinks == nullptr ? 0.0F : 1.0F;
    WarpColumns out;
    for (int start = first; start < end; start += 32) {
        const int key = start + lane_id();
        float score = -INFINITY;
        if (key < end) {
            const T* const k = a.k.at(first_row + key, key_head * a.head_dim);
            score = simple_score(a, q, k, task.head, key - position).score;
        }
        const float before = top;
        top = fmaxf(top, warp_max(score));
        const float p = expf(score - top);
        const float shrink = expf(before - top);
        sum = sum * shrink + warp_sum(p);
        out.scale(shrink);
#pragma unroll 1
        for (int i = 0; i < 32 && start + i < end; ++i) {
            out.add(__shfl_sync(simt::kAllLanes, p, i),
                    a.v.at(first_row + start + i, key_head * a.value_dim), a.value_dim);
        }
    }
    out.scale(sum > 0.0F ? __fdividef(1.0F, sum) : 0.0F);
    out.store(a.out.at(query, std::int64_t{task.head} * a.value_dim), a.value_dim);
    if (lane_id() == 0) *a.lse.at(query, task.head) = top + logf(sum);
}

/// A pair in the backward pass: its probability, the gradient of its score, and that of its
/// scaled product.
struct PairGradient {
    float probability;
    float of_score;
    float of_product;
};

/// `query` and `key` count from the sequence's first.
template <class T>
__device__ __forceinline__ PairGradient pair_gradient(const SimpleOperands<T>& a, int sequence,
                                                      int head, int query, int key) {
    const std::int64_t row = std::int64_t{sequence} * a.rule.queries + query;
    const std::int64_t key_row = std::int64_t{sequence} * a.rule.keys + key;
    const std::int64_t key_head = head / a.group;
    const Scored scored =
        simple_score(a, a.q.at(row, std::int64_t{head} * a.head_dim),
                     a.k.at(key_row, key_head * a.head_dim), head, key - a.rule.position(query));
    const float p = expf(scored.score - *a.lse.at(row, head));
    const float dp = dot(a.dout.at(row, std::int64_t{head} * a.value_dim),
                         a.v.at(key_row, key_head * a.value_dim), a.value_dim);
    const float of_score = p * (dp - *a.delta.at(row, head));
    return {p, of_score, of_score * scored.derivative};
}

template <class T>
__global__ void __launch_bounds__(kSimpleThreads) simple_query_grad_kernel(SimpleOperands<T> a) {
    const WarpTask task;
    if (task.row >= a.rule.queries) return;
    const std::int64_t query = std::int64_t{task.sequence} * a.rule.queries + task.row;
    const std::int64_t first_row = std::int64_t{task.sequence} * a.rule.keys;
    const std::int64_t column = std::int64_t{task.head / a.group} * a.head_dim;
    const int position = a.rule.position(task.row);
    const int end = a.rule.end_key(position);
    WarpColumns dq;
    for (int start = a.rule.first_key(position); start < end; start += 32) {
        const int key = start + lane_id();
        float ds = 0.0F;
        if (key < end) ds = pair_gradient(a, task.sequence, task.head, task.row, key).of_product;
        for (int i = 0; i < 32 && start + i < end; ++i) {
            dq.add(__shfl_sync(simt::kAllLanes, ds, i), a.k.at(first_row + start + i, column),
                   a.head_dim);
        }
    }
    dq.scale(a.rule.scale);
    dq.store(a.dq.at(query, std::int64_t{task.head} * a.head_dim), a.head_dim);
}

template <class T>
__global__ void __launch_bounds__(kSimpleThreads) simple_key_grad_kernel(SimpleOperands<T> a) {
    const WarpTask task;
    if (task.row >= a.rule.keys) return;
    const std::int64_t first_row = std::int64_t{task.sequence} * a.rule.queries;
    WarpColumns dk;
    WarpColumns dv;
    for (int head = task.head * a.group; head < (task.head + 1) * a.group; ++head) {
        for (int start = 0; start < a.rule.queries; start += 32) {
            const int query = start + lane_id();
            const int position = a.rule.position(query);
            const bool sees = query < a.rule.queries && task.row >= a.rule.first_key(position) &&
                              task.row < a.rule.end_key(position);
            const unsigned seeing = __ballot_sync(simt::kAllLanes, sees ? 1 : 0);
            PairGradient pair{};
            if (sees) pair = pair_gradient(a, task.sequence, head, query, task.row);
            for (unsigned left = seeing; left != 0; left &= left - 1) {
                const int i = __ffs(static_cast<int>(left)) - 1;
                const std::int64_t row = first_row + start + i;
                dk.add(__shfl_sync(simt::kAllLanes, pair.of_product, i),
                       a.q.at(row, std::int64_t{head} * a.head_dim), a.head_dim);
                dv.add(__shfl_sync(simt::kAllLanes, pair.probability, i),
                       a.dout.at(row, std::int64_t{head} * a.value_dim), a.value_dim);
            }
        }
    }
    const std::int64_t key = std::int64_t{task.sequence} * a.rule.keys + task.row;
    dk.scale(a.rule.scale);
    dk.store(a.dk.at(key, std::int64_t{task.head} * a.head_dim), a.head_dim);
    dv.store(a.dv.at(key, std::int64_t{task.head} * a.value_dim), a.value_dim);
}

}  // namespace headroom::device
