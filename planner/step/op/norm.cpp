#include "planner/step/op/norm.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

namespace {

constexpr double kForwardFlops = 5.0;    // square, sum, scale, gain, residual
constexpr double kBackwardFlops = 12.0;  // two row sums, their combination, the gain's gradient

std::int64_t groups(const Shape& shape, std::int64_t group) {
    return group > 0 ? shape[0] * (shape[1] / group) : shape[0];
}

/// scale * gradient, for a branch that was scaled before it was added.
TensorId scaled(Tape& tape, TensorId gradient, double scale) {
    if (scale == 1.0) return gradient;
    const Add op{.scale = scale - 1.0, .in_place = false};
    return tape.emit(op, std::array{gradient, gradient}, gradient)[0];
}

}  // namespace

Outputs Norm::outputs(const Specs& in) const {
    Outputs out;
    if (residual) out.push({.shape = in[0].shape, .dtype = in[0].dtype, .part = "residual"});
    out.push({.shape = in[0].shape, .dtype = in[0].dtype});
    const Shape rows{groups(in[0].shape, group)};
    out.push({.shape = rows, .dtype = DType::f32, .part = "norm.rstd"});
    if (kind == NormKind::layer) {
        out.push({.shape = rows, .dtype = DType::f32, .part = "norm.mean"});
    }
    return out;
}

Work Norm::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{kForwardFlops * static_cast<double>(numel(in[0].shape))}};
}

void Norm::backward(Tape& tape, const OpNode& node) const {
    const std::size_t first = residual ? 1 : 0;
    const TensorId x = residual ? tape.out(node, 0) : tape.in(node, 0);
    const TensorId gamma = tape.in(node, first + 1);
    const TensorId dy = tape.gradient(tape.out(node, first));
    const TensorId dsum = tape.gradient(x);
    if (!dy.valid()) {
        // Nothing reads the normalised value: the sum's gradient passes through.
        if (residual && dsum.valid()) {
            tape.give(tape.in(node, 0), scaled(tape, dsum, branch_scale));
            tape.give(tape.in(node, 1), dsum);
        }
        return;
    }
    NormGrad grad{.kind = kind,
                  .bias = bias,
                  .with_sum = dsum.valid(),
                  .in_place = dsum.valid() || tape.exclusive(dy),
                  .parameters = tape.trains(gamma),
                  .branch_scale = branch_scale,
                  .gain_offset = gain_offset,
                  .group = group};
    std::vector<TensorId> in{dy, x, gamma};
    for (std::size_t i = first + 1; i < node.out_count; ++i) in.push_back(tape.out(node, i));
    if (dsum.valid()) in.push_back(dsum);
    std::vector<TensorId> parameters;
    if (grad.parameters) {
        grad.accumulation = tape.accumulation(gamma);
        parameters.push_back(gamma);
        if (bias) {
            tape.accumulation(tape.in(node, first + 2));
            parameters.push_back(tape.in(node, first + 2));
        }
    }
    const TensorId dx = tape.emit_into(grad, in, x, parameters)[0];
    tape.replace(x, dx);
    if (!residual) return;
    tape.give(tape.in(node, 0), scaled(tape, dx, branch_scale));
    tape.give(tape.in(node, 1), dx);
}

Outputs NormGrad::outputs(const Specs& in) const {
    const int sum = kind == NormKind::layer ? 5 : 4;
    Outputs out;
    out.push({.shape = in[0].shape,
              .dtype = in[0].dtype,
              .alias = with_sum ? sum : (in_place ? 0 : -1)});
    if (parameters) {
        const std::int64_t width = group > 0 ? group : in[0].shape[1];
        out.push({.shape = {kNormPartials, bias ? 2 * width : width},
                  .dtype = DType::f32,
                  .role = Role::workspace,
                  .part = "norm.partials"});
    }
    return out;
}

Work NormGrad::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{kBackwardFlops * static_cast<double>(numel(in[0].shape))}};
}

}  // namespace headroom
