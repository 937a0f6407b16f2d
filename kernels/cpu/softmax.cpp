#include "kernels/cpu/softmax.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/clones.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu/slices.h"
#include "kernels/cpu/vector_math.h"

namespace headroom {
namespace {

constexpr std::int64_t kForwardFlops = 5;
constexpr std::int64_t kBackwardFlops = 4;

/// x -> e^(x - largest) / sum, where the sink, a score without a place, is one of the terms.
template <class R>
[[gnu::always_inline]] inline void soften_row(std::int64_t count, R sink, R* x) {
    constexpr std::int64_t kLanes = 16;
    R best[kLanes];
    std::fill_n(best, kLanes, sink);
    std::int64_t whole = count / kLanes * kLanes;
    for (std::int64_t i = 0; i < whole; i += kLanes) {
        for (std::int64_t k = 0; k < kLanes; ++k) best[k] = std::max(best[k], x[i + k]);
    }
    for (; whole < count; ++whole) best[0] = std::max(best[0], x[whole]);
    const R largest = *std::max_element(best, best + kLanes);
    for (std::int64_t i = 0; i < count; ++i) x[i] = exponential(x[i] - largest);
    const R sum =
        exponential(sink - largest) + lane_sum<R>(count, [&](std::int64_t i) { return x[i]; });
    const R share = R{1} / sum;
    for (std::int64_t i = 0; i < count; ++i) x[i] *= share;
}
HEADROOM_CLONES void soften(std::int64_t count, float sink, float* x) {
    soften_row(count, sink, x);
}
void soften(std::int64_t count, double sink, double* x) { soften_row(count, sink, x); }

std::int64_t head_of(const TensorView& scores, std::int64_t n) {
    return n / scores.shape[2] % scores.shape[1];
}

/// Gradient of one row's scores over that of its probabilities. -> minus that of its sink.
template <class R>
R row_gradient(std::int64_t count, const R* p, R* gradient) {
    const R along = lane_sum<R>(count, [&](std::int64_t i) { return p[i] * gradient[i]; });
    const R kept = lane_sum<R>(count, [&](std::int64_t i) { return p[i]; });
    for (std::int64_t i = 0; i < count; ++i) gradient[i] = p[i] * (gradient[i] - along);
    return (R{1} - kept) * along;
}

template <class T>
void run_forward(const Launch& launch) {
    using R = Compute<T>;
    const TensorView& scores = launch.in[0];
    const std::int64_t keys = scores.columns();
    const Slices slices(launch);
    const std::int64_t size = Slices::size<R>(keys);
    const bool worth = scores.count() >= kParallelElements;
    const int threads = slices.parts(size, worth ? omp_get_max_threads() : 1);
#pragma omp parallel num_threads(threads)
    {
        R* line = slices.part(omp_get_thread_num(), size).template take<R>(keys);
#pragma omp for schedule(static)
        for (std::int64_t n = 0; n < scores.rows(); ++n) {
            const R sink = launch.in.size() > 1
                               ? static_cast<R>(number_at(launch.in[1], 0, head_of(scores, n)))
                               : -std::numeric_limits<R>::infinity();
            load_run(row<T>(scores, n), keys, line);
            soften(keys, sink, line);
            store_run(line, keys, row<T>(launch.out[0], n));
        }
    }
}

/// Rows of a head, sequence after sequence.
template <class R>
void reduce_sinks(const TensorView& scores, const R* shares, bool added, const TensorView& dsinks) {
    for (std::int64_t head = 0; head < scores.shape[1]; ++head) {
        R total{0};
        for (std::int64_t b = 0; b < scores.shape[0]; ++b) {
            const R* share = shares + (b * scores.shape[1] + head) * scores.shape[2];
            total -= lane_sum<R>(scores.shape[2], [&](std::int64_t i) { return share[i]; });
        }
        put_number(dsinks, 0, head, added, static_cast<double>(total));
    }
}

template <class T>
void run_backward(const SoftmaxGrad& op, const Launch& launch) {
    using R = Compute<T>;
    const TensorView& p = launch.in[0];
    const std::int64_t keys = p.columns();
    const bool sinks = launch.out.size() > 1;
    Slices slices(launch);
    R* shares = slices.take<R>(sinks ? p.rows() : 0);
    const std::int64_t size = 2 * Slices::size<R>(keys);
    const bool worth = p.count() >= kParallelElements;
    const int threads = slices.parts(size, worth ? omp_get_max_threads() : 1);
#pragma omp parallel num_threads(threads)
    {
        Slices mine = slices.part(omp_get_thread_num(), size);
        R* line = mine.template take<R>(keys);
        R* gradient = mine.template take<R>(keys);
#pragma omp for schedule(static)
        for (std::int64_t n = 0; n < p.rows(); ++n) {
            load_run(row<T>(p, n), keys, line);
            load_run(row<T>(launch.in[1], n), keys, gradient);
            const R share = row_gradient(keys, line, gradient);
            if (sinks) shares[n] = share;
            store_run(gradient, keys, row<T>(launch.out[0], n));
        }
    }
    if (sinks) reduce_sinks(p, shares, adds(op.accumulation, launch), launch.out[1]);
}

}  // namespace

void softmax_cpu(const Softmax&, const Launch& launch) {
    with_float(launch.in[0].dtype, [&](auto zero) { run_forward<decltype(zero)>(launch); });
    count_vector(launch, kForwardFlops * launch.in[0].count());
}

void softmax_grad_cpu(const SoftmaxGrad& op, const Launch& launch) {
    with_float(launch.in[0].dtype, [&](auto zero) { run_backward<decltype(zero)>(op, launch); });
    count_vector(launch, kBackwardFlops * launch.in[0].count());
}

}  // namespace headroom
