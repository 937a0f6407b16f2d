#include <cmath>

#include "kernels/cpu/slices.h"
#include "kernels/device/any_number.cuh"
#include "kernels/device/attention_rows.h"
#include "kernels/device/reduce.cuh"
#include "kernels/device/refuse.h"
#include "kernels/device/rows.cuh"

namespace headroom {
namespace {

using namespace device;

inline constexpr int kSoftmaxThreads = 128;

/// Rows of (B, H, Tq, Tk) scores.
struct ScoreRows {
    int heads;
    int queries;
    int keys;
    __device__ __forceinline__ int head_of(std::int64_t row) const {
        return static_cast<int>(row / queries % heads);
    }
};

/// A block a row, in place; a sink is a score without a place.
template <class T>
__global__ void __launch_bounds__(kSoftmaxThreads)
    softmax_kernel(Rows<const T> scores, Rows<T> out, ScoreRows sizes, Numbers sinks) {
    const std::int64_t row = blockIdx.x;
    const T* const in = scores.at(row, 0);
    const int thread = static_cast<int>(threadIdx.x);
    const float sink = sinks.data == nullptr ? -INFINITY : sinks.read(0, sizes.head_of(row));
    float top = sink;
    for (int i = thread; i < sizes.keys; i += kSoftmaxThreads) top = fmaxf(top, to_float(in[i]));
    top = block_reduce(top, Maximum{}, -INFINITY);
    float sum = thread == 0 ? expf(sink - top) : 0.0F;
    for (int i = thread; i < sizes.keys; i += kSoftmaxThreads) sum += expf(to_float(in[i]) - top);
    sum = block_sum(sum);
    T* const p = out.at(row, 0);
    for (int i = thread; i < sizes.keys; i += kSoftmaxThreads) {
        p[i] = from_float<T>(expf(to_float(in[i]) - top) / sum);
    }
}

/// A block a row: dscores over dprobabilities, and the gradient that reaches the row's sink.
template <class T>
__global__ void __launch_bounds__(kSoftmaxThreads)
    softmax_grad_kernel(Rows<const T> probabilities, Rows<const T> gradients, Rows<T> out, int keys,
                        float* sink_shares) {
    const std::int64_t row = blockIdx.x;
    const T* const p = probabilities.at(row, 0);
    const T* const dp = gradients.at(row, 0);
    const int thread = static_cast<int>(threadIdx.x);
    float along = 0.0F;
    float kept = 0.0F;
    for (int i = thread; i < keys; i += kSoftmaxThreads) {
        along = fmaf(to_float(p[i]), to_float(dp[i]), along);
        kept += to_float(p[i]);
    }
    along = block_sum(along);
    T* const dscores = out.at(row, 0);
    for (int i = thread; i < keys; i += kSoftmaxThreads) {
        dscores[i] = from_float<T>(to_float(p[i]) * (to_float(dp[i]) - along));
    }
    if (sink_shares == nullptr) return;
    kept = block_sum(kept);
    if (thread == 0) sink_shares[row] = -(1.0F - kept) * along;
}

/// A block a head sums its rows' shares.
__global__ void __launch_bounds__(kSoftmaxThreads)
    sink_total_kernel(const float* shares, ScoreRows sizes, int sequences, Numbers dsinks,
                      bool added) {
    const int head = static_cast<int>(blockIdx.x);
    float sum = 0.0F;
    for (std::int64_t sequence = 0; sequence < sequences; ++sequence) {
        const float* const row = shares + (sequence * sizes.heads + head) * sizes.queries;
        for (int i = static_cast<int>(threadIdx.x); i < sizes.queries; i += kSoftmaxThreads) {
            sum += row[i];
        }
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) dsinks.give(0, head, sum, added);
}

ScoreRows score_rows(const TensorView& scores) {
    return {static_cast<int>(scores.shape[1]), static_cast<int>(scores.shape[2]),
            static_cast<int>(scores.shape[3])};
}

/// (scores (B, H, Tq, Tk) [, sinks (H)]) -> probabilities over the scores
void softmax_cuda(const Softmax&, const Launch& launch) {
    const TensorView& scores = launch.in[0];
    const Numbers sinks = numbers_of(launch.in.size() > 1 ? &launch.in[1] : nullptr);
    device::with_float(scores.dtype, [&](auto zero) {
        using T = decltype(zero);
        launch_kernel(softmax_kernel<T>, {static_cast<unsigned>(scores.rows())}, {kSoftmaxThreads},
                      0, launch.stream, rows_of<const T>(scores), rows_of<T>(launch.out[0]),
                      score_rows(scores), sinks);
    });
}

/// (probabilities, dprobabilities [, sinks]) -> dscores over dprobabilities [, dsinks]
void softmax_grad_cuda(const SoftmaxGrad& op, const Launch& launch) {
    const TensorView& p = launch.in[0];
    const auto rows = static_cast<unsigned>(p.rows());
    Slices space(launch);
    float* const shares = launch.out.size() > 1 ? space.take<float>(p.rows()) : nullptr;
    device::with_float(p.dtype, [&](auto zero) {
        using T = decltype(zero);
        launch_kernel(softmax_grad_kernel<T>, {rows}, {kSoftmaxThreads}, 0, launch.stream,
                      rows_of<const T>(p), rows_of<const T>(launch.in[1]),
                      rows_of<T>(launch.out[0]), static_cast<int>(p.columns()), shares);
    });
    if (shares == nullptr) return;
    launch_kernel(sink_total_kernel, {static_cast<unsigned>(p.shape[1])}, {kSoftmaxThreads}, 0,
                  launch.stream, shares, score_rows(p), static_cast<int>(p.shape[0]),
                  numbers_of(&launch.out[1]), adds(op.accumulation, launch));
}

}  // namespace

void add_softmax_cuda_rows(KernelTable& table) {
    set_row<softmax_cuda>(table, refuse_f64);
    set_row<softmax_grad_cuda>(table, refuse_f64);
}

}  // namespace headroom
