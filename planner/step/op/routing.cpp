#include "planner/step/op/routing.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

Outputs TopK::outputs(const Specs& in) const {
    const std::int64_t tokens = in[0].shape[0];
    return {{.shape = in[0].shape, .dtype = DType::f32, .part = "moe.probabilities"},
            {.shape = {tokens, k}, .dtype = DType::f32, .part = "moe.weights"},
            {.shape = {tokens, k}, .dtype = DType::i32, .part = "moe.experts"},
            {.shape = {tokens}, .dtype = DType::f32, .part = "moe.lse"}};
}
Work TopK::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{6.0 * static_cast<double>(numel(in[0].shape))}};
}
void TopK::backward(Tape& tape, const OpNode& node) const {
    const TensorId dweights = tape.gradient(tape.out(node, 1));
    if (!dweights.valid()) return;
    const TopKGrad grad{.score = score, .normalize = normalize, .scale = scale, .aux = aux, .z = z};
    const std::array in{tape.out(node, 0), tape.out(node, 1), tape.out(node, 2), tape.out(node, 3),
                        dweights};
    tape.give(tape.in(node, 0), tape.emit(grad, in, tape.in(node, 0))[0]);
}

Outputs TopKGrad::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = DType::f32, .alias = 0}};
}
Work TopKGrad::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{6.0 * static_cast<double>(numel(in[0].shape))}};
}

Outputs Permute::outputs(const Specs& in) const {
    const std::int64_t copies = in[1].shape[0] * in[1].shape[1];
    const std::int64_t rows = slots > 0 ? experts * slots : copies;
    return {{.shape = {rows, in[0].shape[1]}, .dtype = in[0].dtype},
            {.shape = {rows}, .dtype = DType::f32, .part = "moe.row_weights"},
            {.shape = {rows}, .dtype = DType::i32, .part = "moe.rows"},
            {.shape = {experts}, .dtype = DType::i32, .part = "moe.counts"}};
}
Work Permute::work(const Specs& in, const Specs& out) const {
    return {.moved =
                bytes(in[1]) + bytes(in[2]) + 2 * bytes(out[0]) + bytes(out[1]) + bytes(out[2])};
}
void Permute::backward(Tape& tape, const OpNode& node) const {
    const TensorId x = tape.in(node, 0);
    const TensorId weights = tape.in(node, 2);
    const std::array in{tape.gradient(tape.out(node, 0)), tape.gradient(tape.out(node, 1)),
                        tape.out(node, 2)};
    const Shape& shape = tape.graph()[weights].shape;
    const auto out = tape.emit(PermuteGrad{.tokens = shape[0], .k = shape[1]}, in, x);
    tape.give(x, out[0]);
    tape.give(weights, out[1]);
}

Outputs PermuteGrad::outputs(const Specs& in) const {
    return {{.shape = {tokens, in[0].shape[1]}, .dtype = in[0].dtype},
            {.shape = {tokens, k}, .dtype = DType::f32}};
}
Work PermuteGrad::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{static_cast<double>(numel(in[0].shape))}};
}

Outputs Unpermute::outputs(const Specs& in) const {
    return {{.shape = {tokens, in[0].shape[1]}, .dtype = in[0].dtype}};
}
Work Unpermute::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{static_cast<double>(numel(in[0].shape))}};
}
void Unpermute::backward(Tape& tape, const OpNode& node) const {
    const TensorId rows = tape.in(node, 0);
    const std::array in{tape.gradient(tape.out(node, 0)), tape.in(node, 1)};
    tape.give(rows, tape.emit(UnpermuteGrad{}, in, rows)[0]);
}

Outputs UnpermuteGrad::outputs(const Specs& in) const {
    return {{.shape = {in[1].shape[0], in[0].shape[1]}, .dtype = in[0].dtype}};
}
Work UnpermuteGrad::work(const Specs&, const Specs& out) const {
    return {.moved = 2 * bytes(out[0])};
}

}  // namespace headroom
