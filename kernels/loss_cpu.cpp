#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/cpu/clones.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/cpu_table.h"
#include "planner/base/error.h"

namespace headroom {
namespace {

/// Logits of a row that are worked on at once; a vocabulary does not fit on the stack.
constexpr std::int64_t kBlock = 512;
/// As the ops declare them.
constexpr std::int64_t kLossFlops = 4;
constexpr std::int64_t kGradFlops = 3;

/// What happens to logits before the softmax: z -> cap * tanh(scale * z / cap), or scale * z
/// without a cap.
template <class R>
struct Shaping {
    R scale{};
    R cap{};

    template <class Op>
    static Shaping of(const Op& op) {
        return {static_cast<R>(op.scale), static_cast<R>(op.softcap)};
    }
};

template <class R>
[[gnu::always_inline]] inline void shape_all(std::int64_t count, const Shaping<R>& shaping, R* z) {
    const auto [scale, cap] = shaping;
    if (cap > R{0}) {
        for (std::int64_t i = 0; i < count; ++i) {
            z[i] = cap * hyperbolic_tangent(scale * z[i] / cap);
        }
    } else {
        for (std::int64_t i = 0; i < count; ++i) z[i] *= scale;
    }
}
HEADROOM_CLONES void shape(std::int64_t count, const Shaping<float>& shaping, float* z) {
    shape_all(count, shaping, z);
}
void shape(std::int64_t count, const Shaping<double>& shaping, double* z) {
    shape_all(count, shaping, z);
}

/// A sum of exponentials so far, each less the largest exponent so far.
template <class R>
struct ExponentialSum {
    R largest = -std::numeric_limits<R>::infinity();
    double sum = 0.0;
};

template <class R>
[[gnu::always_inline]] inline R largest_of(std::int64_t count, const R* x, R largest) {
    constexpr std::int64_t kLanes = 16;
    std::array<R, kLanes> best{};
    best.fill(largest);
    std::int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        for (std::size_t k = 0; k < best.size(); ++k)
            best[k] = std::max(best[k], x[i + static_cast<std::int64_t>(k)]);
    }
    for (; i < count; ++i) best[0] = std::max(best[0], x[i]);
    return *std::ranges::max_element(best);
}

template <class R>
[[gnu::always_inline]] inline void add_all(std::int64_t count, const R* x, ExponentialSum<R>& to) {
    const R largest = largest_of(count, x, to.largest);
    if (largest > to.largest) {
        to.sum *= std::exp(static_cast<double>(to.largest) - static_cast<double>(largest));
        to.largest = largest;
    }
    if (largest == -std::numeric_limits<R>::infinity()) return;  // nothing but -inf so far
    to.sum += static_cast<double>(
        lane_sum<R>(count, [&](std::int64_t i) { return exponential(x[i] - largest); }));
}
HEADROOM_CLONES void add(std::int64_t count, const float* x, ExponentialSum<float>& to) {
    add_all(count, x, to);
}
void add(std::int64_t count, const double* x, ExponentialSum<double>& to) { add_all(count, x, to); }

/// What makes gradients of shaped logits.
template <class R>
struct Slope {
    R lse{};
    R factor{};  ///< scale of the logits * gradient of a loss
    R cap{};
};

/// Shaped logits -> (e^(x - lse) - hit) * factor * (1 - (x / cap)^2).
template <class R>
[[gnu::always_inline]] inline void differentiate_all(std::int64_t count, const Slope<R>& slope,
                                                     R hit, R* x) {
    const auto [lse, factor, cap] = slope;
    if (cap > R{0}) {
        for (std::int64_t i = 0; i < count; ++i) {
            const R part = x[i] / cap;
            x[i] = (exponential(x[i] - lse) - hit) * factor * (R{1} - part * part);
        }
    } else {
        for (std::int64_t i = 0; i < count; ++i) x[i] = (exponential(x[i] - lse) - hit) * factor;
    }
}
HEADROOM_CLONES void differentiate(std::int64_t count, const Slope<float>& slope, float hit,
                                   float* x) {
    differentiate_all(count, slope, hit, x);
}
void differentiate(std::int64_t count, const Slope<double>& slope, double hit, double* x) {
    differentiate_all(count, slope, hit, x);
}

/// A row of logits. Target < 0: the token is left out; beyond the row: it is in another shard of
/// the vocabulary.
template <class T>
struct Row {
    T* logits = nullptr;
    std::int64_t columns = 0;
    std::int64_t target = -1;
    Shaping<Compute<T>> shaping{};

    /// Shaped logits from `first` on.
    void read(std::int64_t first, std::int64_t count, Compute<T>* to) const {
        load_run(logits + first, count, to);
        shape(count, shaping, to);
    }
    [[nodiscard]] bool has_target() const { return target >= 0 && target < columns; }
};

template <class T>
Row<T> row_of(const MatrixView& logits, const std::int32_t* targets, std::int64_t r,
              const Shaping<Compute<T>>& shaping) {
    return {reinterpret_cast<T*>(logits.data) + r * logits.stride, logits.columns, targets[r],
            shaping};
}

/// ln of the sum of exponentials, in one pass.
template <class T>
double log_sum_exp(const Row<T>& row) {
    std::array<Compute<T>, kBlock> line{};
    ExponentialSum<Compute<T>> total;
    for (std::int64_t first = 0; first < row.columns; first += kBlock) {
        const std::int64_t count = std::min(kBlock, row.columns - first);
        row.read(first, count, line.data());
        add(count, line.data(), total);
    }
    return static_cast<double>(total.largest) + std::log(total.sum);
}

/// lse - logit of the target.
template <class T>
double loss_of(const Row<T>& row, double lse) {
    if (row.target < 0) return 0.0;
    Compute<T> logit{};
    if (row.has_target()) row.read(row.target, 1, &logit);
    return lse - static_cast<double>(logit);
}

/// gradient = (softmax - one at the target) * slope; it may lie over the logits.
template <class T>
void write_gradient(const Row<T>& row, Compute<T> lse, Compute<T> scale, T* gradient) {
    using R = Compute<T>;
    if (row.target < 0) {
        std::fill_n(gradient, row.columns, store<T>(R{0}));
        return;
    }
    const Slope<R> slope{lse, row.shaping.scale * scale, row.shaping.cap};
    R at_target{};
    if (row.has_target()) row.read(row.target, 1, &at_target);
    differentiate(1, slope, R{1}, &at_target);
    std::array<R, kBlock> line{};
    for (std::int64_t first = 0; first < row.columns; first += kBlock) {
        const std::int64_t count = std::min(kBlock, row.columns - first);
        row.read(first, count, line.data());
        differentiate(count, slope, R{0}, line.data());
        store_run(line.data(), count, gradient + first);
    }
    if (row.has_target()) gradient[row.target] = store<T>(at_target);
}

/// Calls visit(T, S) with the types of logits and of losses: f64 only when both are.
template <class Visit>
void with_types(DType logits, const Visit& visit) {
    with_float(logits, [&](auto t) { visit(t, Compute<decltype(t)>{}); });
}

bool worth_threads(const MatrixView& logits) {
    return logits.rows * logits.columns >= kParallelElements;
}

void cross_entropy_cpu(const CrossEntropy& op, const Launch& launch) {
    const MatrixView logits = matrix(launch.in[0]);
    const auto* targets = launch.in[1].as<std::int32_t>();
    with_types(logits.dtype, [&](auto t, auto s) {
        using T = decltype(t);
        using S = decltype(s);
        const auto shaping = Shaping<S>::of(op);
#pragma omp parallel for schedule(static) if (worth_threads(logits))
        for (std::int64_t r = 0; r < logits.rows; ++r) {
            const Row<T> row = row_of<T>(logits, targets, r, shaping);
            const double lse = log_sum_exp(row);
            launch.out[0].as<S>()[r] = static_cast<S>(loss_of(row, lse));
            launch.out[1].as<S>()[r] = static_cast<S>(lse);
        }
    });
    count_vector(launch, kLossFlops * logits.rows * logits.columns);
}

void cross_entropy_grad_cpu(const CrossEntropyGrad& op, const Launch& launch) {
    const MatrixView logits = matrix(launch.in[0]);
    const MatrixView gradient = matrix(launch.out[0]);
    const auto* targets = launch.in[1].as<std::int32_t>();
    with_types(logits.dtype, [&](auto t, auto s) {
        using T = decltype(t);
        using S = decltype(s);
        const auto shaping = Shaping<S>::of(op);
        const auto scale = static_cast<S>(launch.scalars->gradient_scale);
#pragma omp parallel for schedule(static) if (worth_threads(logits))
        for (std::int64_t r = 0; r < logits.rows; ++r) {
            write_gradient(row_of<T>(logits, targets, r, shaping), launch.in[2].as<S>()[r], scale,
                           reinterpret_cast<T*>(gradient.data) + r * gradient.stride);
        }
    });
    count_vector(launch, kGradFlops * logits.rows * logits.columns);
}

/// The operands of a HeadLoss by name; no data: not asked for.
struct HeadOperands {
    MatrixView x{};
    MatrixView weight{};
    const std::int32_t* targets = nullptr;
    TensorView loss{};
    MatrixView dx{};
    MatrixView logits{};
    MatrixView dweight{};
};

HeadOperands operands_of(const HeadLoss& op, const Launch& launch) {
    const std::size_t chunk = op.input_gradient ? 2 : 1;
    if (launch.out.size() != chunk + (op.weight_gradient ? 2 : 1)) {
        throw InternalError("head_loss with a weight gradient has nowhere to write it");
    }
    HeadOperands operands{.x = matrix(launch.in[0]),
                          .weight = matrix(launch.in[1]),
                          .targets = launch.in[2].as<std::int32_t>(),
                          .loss = launch.out[0],
                          .logits = matrix(launch.out[chunk])};
    if (op.input_gradient) operands.dx = matrix(launch.out[1]);
    if (op.weight_gradient) operands.dweight = matrix(launch.out[chunk + 1]);
    return operands;
}

/// Losses of a chunk whose first token is `first`; where a gradient is asked for, the logits
/// become theirs.
void losses_of_chunk(const HeadLoss& op, const Launch& launch, const HeadOperands& operands,
                     const MatrixView& logits, std::int64_t first) {
    const bool gradient = op.input_gradient || op.weight_gradient;
    with_types(logits.dtype, [&](auto t, auto s) {
        using T = decltype(t);
        using S = decltype(s);
        const auto shaping = Shaping<S>::of(op);
        const S scale = gradient ? static_cast<S>(launch.scalars->gradient_scale) : S{0};
#pragma omp parallel for schedule(static) if (worth_threads(logits))
        for (std::int64_t r = 0; r < logits.rows; ++r) {
            const Row<T> row = row_of<T>(logits, operands.targets + first, r, shaping);
            const double lse = log_sum_exp(row);
            operands.loss.as<S>()[first + r] = static_cast<S>(loss_of(row, lse));
            if (gradient) write_gradient(row, static_cast<S>(lse), scale, row.logits);
        }
    });
    const std::int64_t flops = kLossFlops + (gradient ? kGradFlops : 0);
    count_vector(launch, flops * logits.rows * logits.columns);
}

/// Logits, losses and both gradients, a chunk of tokens after the other.
void head_loss_cpu(const HeadLoss& op, const Launch& launch) {
    const HeadOperands operands = operands_of(op, launch);
    bool add = adds(op.accumulation, launch);
    const std::int64_t step = operands.logits.rows;
    for (std::int64_t first = 0; first < operands.x.rows; first += step) {
        const std::int64_t tokens = std::min(step, operands.x.rows - first);
        const MatrixView x = row_block(operands.x, first, tokens);
        const MatrixView logits = row_block(operands.logits, 0, tokens);
        multiply({.a = {x}, .b = {operands.weight, Form::transposed}}, logits, launch);
        losses_of_chunk(op, launch, operands, logits, first);
        if (op.input_gradient) {
            multiply({.a = {logits}, .b = {operands.weight}}, row_block(operands.dx, first, tokens),
                     launch);
        }
        if (op.weight_gradient) {
            multiply({.a = {logits, Form::transposed},
                      .b = {x},
                      .plus = add ? operands.dweight : MatrixView{}},
                     operands.dweight, launch);
        }
        add = true;  // later chunks
    }
}

}  // namespace

void add_loss_rows(KernelTable& table) {
    set_row<cross_entropy_cpu>(table);
    set_row<cross_entropy_grad_cpu>(table);
    set_row<head_loss_cpu>(table);
}

}  // namespace headroom
