#include "planner/step/op/eager_attention.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

namespace {

/// 2 * B * H * Tq * Tk * width: the whole square is computed, mask or not.
Flops square(const Shape& scores, std::int64_t width) {
    return Flops{2.0 * static_cast<double>(numel(scores)) * static_cast<double>(width)};
}

/// The mathematics needs only the pairs that the mask keeps.
Flops masked(const AttentionShape& shape, const Shape& scores, std::int64_t width) {
    return Flops{2.0 * static_cast<double>(shape.batch * scores[1]) *
                 attended_pairs(shape, scores[2], scores[3]) * static_cast<double>(width)};
}

}  // namespace

Outputs Scores::outputs(const Specs& in) const {
    const std::int64_t heads = in[0].shape[1] / shape.head_dim;
    return {
        {.shape = {shape.batch, heads, in[0].shape[0] / shape.batch, in[1].shape[0] / shape.batch},
         .dtype = in[0].dtype}};
}

Work Scores::work(const Specs&, const Specs& out) const {
    return {.model = masked(shape, out[0].shape, shape.head_dim),
            .matrix = square(out[0].shape, shape.head_dim)};
}

void Scores::backward(Tape& tape, const OpNode& node) const {
    ScoresGrad grad{.shape = shape};
    std::vector<TensorId> in{tape.in(node, 0), tape.in(node, 1), tape.gradient(tape.out(node, 0))};
    std::vector<TensorId> parameters;
    if (node.in_count == 3) {
        in.push_back(tape.in(node, 2));
        if (tape.trains(in.back())) {
            grad.accumulation = tape.accumulation(in.back());
            parameters.push_back(in.back());
        }
    }
    const auto out = tape.emit_into(grad, in, tape.in(node, 0), parameters);
    tape.give(tape.in(node, 0), out[0]);
    tape.give(tape.in(node, 1), out[1]);
}

Outputs ScoresGrad::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype},
            {.shape = in[1].shape, .dtype = in[1].dtype}};
}

Work ScoresGrad::work(const Specs& in, const Specs&) const {
    // The slope of a soft cap needs the scores again.
    const double products = shape.softcap > 0.0 ? 3.0 : 2.0;
    return {.model = 2.0 * masked(shape, in[2].shape, shape.head_dim),
            .matrix = products * square(in[2].shape, shape.head_dim)};
}

Outputs Softmax::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .alias = 0}};
}

Work Softmax::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{5.0 * static_cast<double>(numel(in[0].shape))}};
}

void Softmax::backward(Tape& tape, const OpNode& node) const {
    SoftmaxGrad grad;
    std::vector<TensorId> in{tape.out(node, 0), tape.gradient(tape.out(node, 0))};
    std::vector<TensorId> parameters;
    if (node.in_count == 2) {
        in.push_back(tape.in(node, 1));
        if (tape.trains(in.back())) {
            grad.accumulation = tape.accumulation(in.back());
            parameters.push_back(in.back());
        }
    }
    tape.give(tape.in(node, 0), tape.emit_into(grad, in, tape.in(node, 0), parameters)[0]);
}

Outputs SoftmaxGrad::outputs(const Specs& in) const {
    return {{.shape = in[1].shape, .dtype = in[1].dtype, .alias = 1}};
}

Work SoftmaxGrad::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{4.0 * static_cast<double>(numel(in[0].shape))}};
}

Outputs Context::outputs(const Specs& in) const {
    return {{.shape = {shape.batch * in[0].shape[2], in[0].shape[1] * shape.value_dim},
             .dtype = in[1].dtype}};
}

Work Context::work(const Specs& in, const Specs&) const {
    return {.model = masked(shape, in[0].shape, shape.value_dim),
            .matrix = square(in[0].shape, shape.value_dim)};
}

void Context::backward(Tape& tape, const OpNode& node) const {
    const std::array in{tape.in(node, 0), tape.in(node, 1), tape.gradient(tape.out(node, 0))};
    const auto out = tape.emit(ContextGrad{.shape = shape}, in, tape.in(node, 0));
    tape.give(tape.in(node, 0), out[0]);
    tape.give(tape.in(node, 1), out[1]);
}

Outputs ContextGrad::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype},
            {.shape = in[1].shape, .dtype = in[1].dtype}};
}

Work ContextGrad::work(const Specs& in, const Specs&) const {
    return {.model = 2.0 * masked(shape, in[0].shape, shape.value_dim),
            .matrix = 2.0 * square(in[0].shape, shape.value_dim)};
}

}  // namespace headroom
