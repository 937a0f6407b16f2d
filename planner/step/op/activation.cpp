#include "planner/step/op/activation.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

namespace {

constexpr double kForwardFlops = 5.0;
constexpr double kBackwardFlops = 10.0;

/// Data inputs before the routing ones.
std::size_t data_inputs(bool gated, bool packed) { return gated && !packed ? 2 : 1; }

}  // namespace

Outputs Activate::outputs(const Specs& in) const {
    const std::int64_t width = packed ? in[0].shape[1] / 2 : in[0].shape[1];
    return {{.shape = {in[0].shape[0], width}, .dtype = in[0].dtype}};
}

Work Activate::work(const Specs&, const Specs& out) const {
    return {.vector = Flops{kForwardFlops * static_cast<double>(numel(out[0].shape))}};
}

void Activate::backward(Tape& tape, const OpNode& node) const {
    const ActivateGrad grad{.kind = kind, .gated = gated, .packed = packed, .routed = routed};
    const auto inputs = tape.graph().inputs(node);
    std::vector<TensorId> in(inputs.begin(), inputs.end());
    in.push_back(tape.gradient(tape.out(node, 0)));
    const auto out = tape.emit(grad, in, in[0]);
    const std::size_t data = data_inputs(gated, packed);
    for (std::size_t i = 0; i < data; ++i) tape.give(in[i], out[i]);
    if (routed) tape.give(in[data], out[data]);
}

Outputs ActivateGrad::outputs(const Specs& in) const {
    Outputs out;
    const std::size_t data = data_inputs(gated, packed);
    for (std::size_t i = 0; i < data; ++i) {
        out.push({.shape = in[i].shape, .dtype = in[i].dtype, .alias = static_cast<int>(i)});
    }
    if (routed) out.push({.shape = in[data].shape, .dtype = DType::f32});
    return out;
}

Work ActivateGrad::work(const Specs& in, const Specs&) const {
    const auto dy = numel(in[in.size() - 1].shape);
    return {.vector = Flops{kBackwardFlops * static_cast<double>(dy)}};
}

}  // namespace headroom
