#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>

#include "kernels/cpu/clones.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

constexpr std::int64_t kForwardFlops = 5;
constexpr std::int64_t kBackwardFlops = 10;
/// Elements of a row that are worked on at a time.
constexpr std::int64_t kRun = 256;

/// An activation's value and slope at a point.
template <class R>
struct Point {
    R value{};
    R slope{};
};

template <ActivationKind kind, class R>
[[gnu::always_inline]] inline Point<R> point(R x) {
    if constexpr (kind == ActivationKind::relu) {
        return {std::max(x, R{0}), x > R{0} ? R{1} : R{0}};
    } else if constexpr (kind == ActivationKind::silu) {
        const R share = sigmoid(x);
        return {x * share, share * (R{1} + x * (R{1} - share))};
    } else if constexpr (kind == ActivationKind::tanh) {
        const R y = hyperbolic_tangent(x);
        return {y, R{1} - y * y};
    } else if constexpr (kind == ActivationKind::gelu) {
        constexpr R kRoot = static_cast<R>(std::numbers::sqrt2 / 2.0);
        constexpr R kDensity = static_cast<R>(std::numbers::inv_sqrtpi / std::numbers::sqrt2);
        const R share = R{0.5} * (R{1} + error_function(x * kRoot));
        return {x * share, share + x * kDensity * exponential(R{-0.5} * x * x)};
    } else {
        // x * (1 + tanh(u)) / 2 = x * sigmoid(2 u), u = sqrt(2 / pi) * (x + 0.044715 x^3)
        constexpr R kTwice = static_cast<R>(2.0 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
        constexpr R kCubic = static_cast<R>(0.044715);
        const R share = sigmoid(kTwice * x * (R{1} + kCubic * x * x));
        const R rise = kTwice * (R{1} + R{3} * kCubic * x * x);
        return {x * share, share + x * share * (R{1} - share) * rise};
    }
}

template <ActivationKind kind, class R>
[[gnu::always_inline]] inline void fill(std::int64_t count, R* x, R* slope) {
    for (std::int64_t i = 0; i < count; ++i) {
        const Point<R> at = point<kind>(x[i]);
        x[i] = at.value;
        slope[i] = at.slope;
    }
}

/// x -> values and slopes. Where these are not wanted they cost little beside an exponential.
template <class R>
[[gnu::always_inline]] inline void fill_points(ActivationKind kind, std::int64_t count, R* x,
                                               R* slope) {
    switch (kind) {
        case ActivationKind::relu:
            return fill<ActivationKind::relu>(count, x, slope);
        case ActivationKind::gelu:
            return fill<ActivationKind::gelu>(count, x, slope);
        case ActivationKind::gelu_tanh:
            return fill<ActivationKind::gelu_tanh>(count, x, slope);
        case ActivationKind::silu:
            return fill<ActivationKind::silu>(count, x, slope);
        case ActivationKind::tanh:
            return fill<ActivationKind::tanh>(count, x, slope);
    }
}
HEADROOM_CLONES void points(ActivationKind kind, std::int64_t count, float* __restrict x,
                            float* __restrict slope) {
    fill_points(kind, count, x, slope);
}
void points(ActivationKind kind, std::int64_t count, double* x, double* slope) {
    fill_points(kind, count, x, slope);
}

/// Where an op's data inputs are, forward or backward.
struct Columns {
    TensorView gate{};
    TensorView up{};          ///< when gated
    std::size_t weights = 0;  ///< operand of the row weights, when routed
};

template <class T>
TensorView column_block(const TensorView& view, std::int64_t first, std::int64_t columns) {
    TensorView block = view;
    block.data += first * static_cast<std::int64_t>(sizeof(T));
    block.shape[1] = columns;
    return block;
}

template <class T, class Act>
Columns columns_of(const Act& op, std::span<const TensorView> operands) {
    if (!op.gated) return {.gate = operands[0], .weights = 1};
    if (!op.packed) return {.gate = operands[0], .up = operands[1], .weights = 2};
    const std::int64_t width = operands[0].columns() / 2;
    return {.gate = column_block<T>(operands[0], 0, width),
            .up = column_block<T>(operands[0], width, width),
            .weights = 1};
}

/// A run of one row, as it is computed on.
template <class R>
struct RunBuffers {
    R value[kRun];
    R slope[kRun];
    R up[kRun];
    R dy[kRun];
};

template <class T>
void forward_row(const Activate& op, const Columns& in, Compute<T> weight, std::int64_t n,
                 const TensorView& y) {
    using R = Compute<T>;
    RunBuffers<R> run;
    for (std::int64_t first = 0; first < y.columns(); first += kRun) {
        const std::int64_t count = std::min(kRun, y.columns() - first);
        load_run(row<T>(in.gate, n) + first, count, run.value);
        points(op.kind, count, run.value, run.slope);
        if (op.gated) {
            load_run(row<T>(in.up, n) + first, count, run.up);
            for (std::int64_t i = 0; i < count; ++i) run.value[i] *= run.up[i];
        }
        if (op.routed) {
            for (std::int64_t i = 0; i < count; ++i) run.value[i] *= weight;
        }
        store_run(run.value, count, row<T>(y, n) + first);
    }
}

/// Gradients over the row's inputs. -> that of the row's weight.
template <class T>
Compute<T> backward_row(const ActivateGrad& op, const Columns& in, const Columns& out,
                        Compute<T> weight, std::int64_t n, const TensorView& dy) {
    using R = Compute<T>;
    RunBuffers<R> run;
    R dweight{0};
    for (std::int64_t first = 0; first < dy.columns(); first += kRun) {
        const std::int64_t count = std::min(kRun, dy.columns() - first);
        load_run(row<T>(in.gate, n) + first, count, run.value);
        load_run(row<T>(dy, n) + first, count, run.dy);
        if (op.gated) {
            load_run(row<T>(in.up, n) + first, count, run.up);
        } else {
            std::fill_n(run.up, count, R{1});
        }
        points(op.kind, count, run.value, run.slope);
        dweight += lane_sum<R>(
            count, [&](std::int64_t i) { return run.dy[i] * run.value[i] * run.up[i]; });
        for (std::int64_t i = 0; i < count; ++i) {
            const R upstream = weight * run.dy[i];
            run.slope[i] *= upstream * run.up[i];
            run.up[i] = upstream * run.value[i];
        }
        store_run(run.slope, count, row<T>(out.gate, n) + first);
        if (op.gated) store_run(run.up, count, row<T>(out.up, n) + first);
    }
    return dweight;
}

/// (gate, up) or (packed) or (x), [weights (N)] -> y (N, F)
void activate_cpu(const Activate& op, const Launch& launch) {
    const TensorView& y = launch.out[0];
    with_float(y.dtype, [&](auto zero) {
        using T = decltype(zero);
        const Columns in = columns_of<T>(op, launch.in);
        const auto* weights = op.routed ? launch.in[in.weights].as<Compute<T>>() : nullptr;
#pragma omp parallel for schedule(static) if (y.count() >= kParallelElements)
        for (std::int64_t n = 0; n < y.rows(); ++n) {
            forward_row<T>(op, in, op.routed ? weights[n] : Compute<T>{1}, n, y);
        }
    });
    count_vector(launch, kForwardFlops * y.count());
}

/// (forward inputs ..., dy) -> gradients over the inputs [, of the weights]
void activate_grad_cpu(const ActivateGrad& op, const Launch& launch) {
    const TensorView& dy = launch.in.back();
    with_float(dy.dtype, [&](auto zero) {
        using T = decltype(zero);
        const Columns in = columns_of<T>(op, launch.in);
        const Columns out = columns_of<T>(op, launch.out);
        const auto* weights = op.routed ? launch.in[in.weights].as<Compute<T>>() : nullptr;
        auto* dweights = op.routed ? launch.out[out.weights].as<Compute<T>>() : nullptr;
#pragma omp parallel for schedule(static) if (dy.count() >= kParallelElements)
        for (std::int64_t n = 0; n < dy.rows(); ++n) {
            const auto weight = op.routed ? weights[n] : Compute<T>{1};
            const auto dweight = backward_row<T>(op, in, out, weight, n, dy);
            if (op.routed) dweights[n] = dweight;
        }
    });
    count_vector(launch, kBackwardFlops * dy.count());
}

}  // namespace

void add_activation_rows(KernelTable& table) {
    set_row<activate_cpu>(table);
    set_row<activate_grad_cpu>(table);
}

}  // namespace headroom
