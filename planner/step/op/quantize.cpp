#include "planner/step/op/quantize.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

Outputs Dequantize::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = to, .role = Role::workspace}};
}
Work Dequantize::work(const Specs&, const Specs& out) const {
    return {.vector = Flops{2.0 * static_cast<double>(numel(out[0].shape))}};
}

namespace {

/// Least and greatest, times the scale's inverse, round, two bounds, times the scale.
constexpr double kOpsANumber = 7.0;

}  // namespace

Outputs FakeQuantize::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .role = Role::workspace}};
}
Work FakeQuantize::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{kOpsANumber * static_cast<double>(numel(in[0].shape))}};
}
void FakeQuantize::backward(Tape& tape, const OpNode& node) const {
    // A parameter's gradient was written by the products that read the temporary.
    const TensorId x = tape.in(node, 0);
    const TensorId dy = tape.gradient(tape.out(node, 0));
    if (!dy.valid() || !tape.wants(x)) return;
    tape.give(x, tape.emit(FakeQuantizeGrad{.to = to}, std::array{x, dy}, x)[0]);
}

Outputs FakeQuantizeGrad::outputs(const Specs& in) const {
    if (in.size() == 1) return {};
    return {{.shape = in[1].shape, .dtype = in[1].dtype, .alias = 1}};
}
Work FakeQuantizeGrad::work(const Specs& in, const Specs&) const {
    // Few codes are out of the range: of the gradient, little more than they is touched.
    return {.vector = Flops{kOpsANumber * static_cast<double>(numel(in[0].shape))},
            .moved = bytes(in[0])};
}

}  // namespace headroom
