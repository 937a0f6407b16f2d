#include "planner/step/op/loss.h"

#include <algorithm>
#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

namespace {

constexpr double kLossFlops = 4.0;
constexpr double kGradFlops = 3.0;
/// With a teacher: two more sums of exponentials and the divergence, and two softmaxes in place of
/// one.
constexpr double kDistilledLossFlops = 14.0;
constexpr double kDistilledGradFlops = 8.0;

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
    if (teacher.on) {
        out.push({.shape = {rows, in[4].shape[0]},
                  .dtype = in[3].dtype,
                  .role = Role::logits,
                  .part = "teacher.logits.chunk"});
    }
    return out;
}
Work HeadLoss::work(const Specs& in, const Specs&) const {
    const double logits = static_cast<double>(in[0].shape[0]) * static_cast<double>(in[1].shape[0]);
    const double products = 1.0 + (input_gradient ? 1.0 : 0.0) + (weight_gradient ? 1.0 : 0.0);
    Flops gemms{products * 2.0 * logits * static_cast<double>(in[0].shape[1])};
    const std::int64_t chunks = ceil_div(in[0].shape[0], chunk);
    // Each chunk reads the head for every product, and the logits cross memory six times.
    double moved = products * static_cast<double>(chunks) * bytes(in[1]).real() +
                   6.0 * logits * bits(in[0].dtype) / 8.0 + 3.0 * bytes(in[0]).real();
    double vector = (kLossFlops + kGradFlops) * logits;
    if (teacher.on) {
        // One product; its logits are written once and read for the sums and for the gradient.
        gemms += Flops{2.0 * logits * static_cast<double>(in[3].shape[1])};
        moved += static_cast<double>(chunks) * bytes(in[4]).real() + bytes(in[3]).real() +
                 3.0 * logits * bits(in[3].dtype) / 8.0;
        vector = (kDistilledLossFlops + kDistilledGradFlops) * logits;
    }
    return {.model = gemms,
            .matrix = gemms,
            .vector = Flops{vector},
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
