#include "planner/step/op/loss.h"

#include <algorithm>
#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

namespace {

constexpr double kLossFlops = 4.0;
constexpr double kGradFlops = 3.0;

}  // namespace

Outputs CrossEntropy::outputs(const Specs& in) const {
    const Shape rows{in[0].shape[0]};
    return {{.shape = rows, .dtype = DType::f32, .part = "loss"},
            {.shape = rows, .dtype = DType::f32, .part = "loss.lse"}};
}
Work CrossEntropy::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{kLossFlops * static_cast<double>(numel(in[0].shape))}};
}
void CrossEntropy::backward(Tape& tape, const OpNode& node) const {
    const TensorId logits = tape.in(node, 0);
    const CrossEntropyGrad grad{.in_place = in_place, .scale = scale, .softcap = softcap};
    const std::array in{logits, tape.in(node, 1), tape.out(node, 1)};
    tape.give(logits, tape.emit(grad, in, logits)[0]);
}

Outputs CrossEntropyGrad::outputs(const Specs& in) const {
    return {{.shape = in[0].shape,
             .dtype = in[0].dtype,
             .role = Role::logits,
             .alias = in_place ? 0 : -1}};
}
Work CrossEntropyGrad::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{kGradFlops * static_cast<double>(numel(in[0].shape))}};
}

Outputs HeadLoss::outputs(const Specs& in) const {
    const std::int64_t tokens = in[0].shape[0];
    const std::int64_t rows = std::min(chunk, tokens);
    Outputs out;
    out.push({.shape = {tokens}, .dtype = DType::f32, .part = "loss"});
    if (input_gradient) out.push({.shape = in[0].shape, .dtype = in[0].dtype, .part = "head.dx"});
    out.push({.shape = {rows, in[1].shape[0]},
              .dtype = in[0].dtype,
              .role = Role::logits,
              .part = "logits.chunk"});
    return out;
}
Work HeadLoss::work(const Specs& in, const Specs&) const {
    const double logits = static_cast<double>(in[0].shape[0]) * static_cast<double>(in[1].shape[0]);
    const double products = 1.0 + (input_gradient ? 1.0 : 0.0) + (weight_gradient ? 1.0 : 0.0);
    const Flops gemms{products * 2.0 * logits * static_cast<double>(in[0].shape[1])};
    const std::int64_t chunks = ceil_div(in[0].shape[0], chunk);
    // Each chunk reads the head for every product, and the logits cross memory six times.
    const double moved = products * static_cast<double>(chunks) * bytes(in[1]).real() +
                         6.0 * logits * bits(in[0].dtype) / 8.0 + 3.0 * bytes(in[0]).real();
    return {.model = gemms,
            .matrix = gemms,
            .vector = Flops{(kLossFlops + kGradFlops) * logits},
            .moved = Bytes{static_cast<std::int64_t>(moved)}};
}
void HeadLoss::backward(Tape& tape, const OpNode& node) const {
    const TensorId weight = tape.in(node, 1);
    HeadLoss op = *this;
    op.weight_gradient = tape.trains(weight);
    if (op.weight_gradient) {
        op.accumulation = tape.accumulation(weight);
        tape.rewrite(op, std::array{weight});
    } else {
        tape.rewrite(op, {});
    }
    if (input_gradient) tape.give(tape.in(node, 0), tape.out(node, 1));
}

}  // namespace headroom
