#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/cpu/clones.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/distilled_loss.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/logits.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/cpu_table.h"
#include "planner/base/error.h"

namespace headroom {
namespace {

/// As the ops declare them.
constexpr std::int64_t kLossFlops = 4;
constexpr std::int64_t kGradFlops = 3;
constexpr std::int64_t kDistilledLossFlops = 14;
constexpr std::int64_t kDistilledGradFlops = 8;

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

/// ln of the sum of exponentials, in one pass.
template <class T>
double log_sum_exp(const Row<T>& row) {
    std::array<Compute<T>, kLogitBlock> line{};
    ExponentialSum<Compute<T>> total;
    for (std::int64_t first = 0; first < row.columns; first += kLogitBlock) {
        const std::int64_t count = std::min(kLogitBlock, row.columns - first);
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
    std::array<R, kLogitBlock> line{};
    for (std::int64_t first = 0; first < row.columns; first += kLogitBlock) {
        const std::int64_t count = std::min(kLogitBlock, row.columns - first);
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
    MatrixView teacher_x{};
    MatrixView teacher_weight{};
    TensorView loss{};
    MatrixView dx{};
    MatrixView logits{};
    MatrixView teacher_logits{};
    MatrixView dweight{};
};

HeadOperands operands_of(const HeadLoss& op, const Launch& launch) {
    std::size_t at = 0;
    HeadOperands operands{.x = matrix(launch.in[0]),
                          .weight = matrix(launch.in[1]),
                          .targets = launch.in[2].as<std::int32_t>(),
                          .loss = launch.out[at++]};
    const std::size_t count = 2U + (op.input_gradient ? 1U : 0U) + (op.teacher.on ? 1U : 0U) +
                              (op.weight_gradient ? 1U : 0U);
    if (launch.out.size() != count) {
        throw InternalError("head_loss with a weight gradient has nowhere to write it");
    }
    if (op.input_gradient) operands.dx = matrix(launch.out[at++]);
    operands.logits = matrix(launch.out[at++]);
    if (op.teacher.on) {
        operands.teacher_x = matrix(launch.in[3]);
        operands.teacher_weight = matrix(launch.in[4]);
        operands.teacher_logits = matrix(launch.out[at++]);
    }
    if (op.weight_gradient) operands.dweight = matrix(launch.out[at]);
    return operands;
}

/// A chunk of tokens: the first of them, and logits of theirs.
struct Chunk {
    std::int64_t first = 0;
    MatrixView logits{};
    MatrixView teacher_logits{};
};

/// The loss of one row, which becomes its gradient where one is asked for.
template <class T>
double lose(const HeadLoss&, const Row<T>& row, const Compute<T>* scale) {
    const double lse = log_sum_exp(row);
    const double loss = loss_of(row, lse);
    if (scale != nullptr) {
        write_gradient(row, static_cast<Compute<T>>(lse), *scale, row.logits);
    }
    return loss;
}
template <class T>
double lose(const HeadLoss& op, const TaughtRow<T>& row, const Compute<T>* scale) {
    const auto sums = sums_of(row, op.teacher);
    const double loss = loss_of(row, op.teacher, sums);
    if (scale != nullptr) write_gradient(row, op.teacher, sums, *scale);
    return loss;
}

/// Losses of a chunk; where a gradient is asked for, the logits become theirs.
void losses_of_chunk(const HeadLoss& op, const Launch& launch, const HeadOperands& operands,
                     const Chunk& chunk) {
    const MatrixView& logits = chunk.logits;
    const bool gradient = op.input_gradient || op.weight_gradient;
    with_types(logits.dtype, [&](auto t, auto s) {
        using T = decltype(t);
        using S = decltype(s);
        const auto shaping = Shaping<S>::of(op);
        const auto taught = Shaping<S>::of(op.teacher);
        const S scale = gradient ? static_cast<S>(launch.scalars->gradient_scale) : S{0};
        const S* const slope = gradient ? &scale : nullptr;
        const std::int32_t* targets = operands.targets + chunk.first;
#pragma omp parallel for schedule(static) if (worth_threads(logits))
        for (std::int64_t r = 0; r < logits.rows; ++r) {
            const Row<T> row = row_of<T>(logits, targets, r, shaping);
            const double loss =
                op.teacher.on
                    ? lose(op,
                           TaughtRow<T>{row, row_of<T>(chunk.teacher_logits, targets, r, taught)},
                           slope)
                    : lose(op, row, slope);
            operands.loss.as<S>()[chunk.first + r] = static_cast<S>(loss);
        }
    });
    const std::int64_t loss = op.teacher.on ? kDistilledLossFlops : kLossFlops;
    const std::int64_t grad = op.teacher.on ? kDistilledGradFlops : kGradFlops;
    count_vector(launch, (loss + (gradient ? grad : 0)) * logits.rows * logits.columns);
}

/// Logits, losses and both gradients, a chunk of tokens after the other.
void head_loss_cpu(const HeadLoss& op, const Launch& launch) {
    const HeadOperands operands = operands_of(op, launch);
    bool add = adds(op.accumulation, launch);
    const std::int64_t step = operands.logits.rows;
    for (std::int64_t first = 0; first < operands.x.rows; first += step) {
        const std::int64_t tokens = std::min(step, operands.x.rows - first);
        const MatrixView x = row_block(operands.x, first, tokens);
        Chunk chunk{.first = first, .logits = row_block(operands.logits, 0, tokens)};
        multiply({.a = {x}, .b = {operands.weight, Form::transposed}}, chunk.logits, launch);
        if (op.teacher.on) {
            chunk.teacher_logits = row_block(operands.teacher_logits, 0, tokens);
            multiply({.a = {row_block(operands.teacher_x, first, tokens)},
                      .b = {operands.teacher_weight, Form::transposed}},
                     chunk.teacher_logits, launch);
        }
        losses_of_chunk(op, launch, operands, chunk);
        if (op.input_gradient) {
            multiply({.a = {chunk.logits}, .b = {operands.weight}},
                     row_block(operands.dx, first, tokens), launch);
        }
        if (op.weight_gradient) {
            multiply({.a = {chunk.logits, Form::transposed},
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
