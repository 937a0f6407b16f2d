#include "planner/step/op/grouped_linear.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

namespace {

/// 2 * M * in * out: every row meets one expert's matrix.
Flops gemm(std::int64_t rows, const Shape& weight) {
    return Flops{2.0 * static_cast<double>(rows) * static_cast<double>(weight[1]) *
                 static_cast<double>(weight[2])};
}

}  // namespace

Outputs GroupedLinear::outputs(const Specs& in) const {
    return {{.shape = {in[0].shape[0], in[1].shape[1]}, .dtype = in[0].dtype}};
}

Work GroupedLinear::work(const Specs& in, const Specs&) const {
    const Flops flops = gemm(in[0].shape[0], in[1].shape);
    return {.model = flops, .matrix = flops};
}

void GroupedLinear::backward(Tape& tape, const OpNode& node) const {
    const TensorId x = tape.in(node, 0);
    const TensorId weight = tape.in(node, 1);
    const TensorId counts = tape.in(node, 2);
    const TensorId dy = tape.gradient(tape.out(node, 0));
    const auto write = [&](TensorId parameter, bool bias) {
        const GroupedGradWeight grad{.bias = bias, .accumulation = tape.accumulation(parameter)};
        tape.emit_into(grad, std::array{x, dy, counts}, parameter, std::array{parameter});
    };
    if (const TensorId parameter = tape.parameter(weight); tape.trains(parameter)) {
        write(parameter, false);
        tape.pass_through(weight);
    }
    if (node.in_count == 4 && tape.trains(tape.in(node, 3))) write(tape.in(node, 3), true);
    if (tape.wants(x)) {
        tape.give(x, tape.emit(GroupedGradInput{}, std::array{dy, weight, counts}, x)[0]);
    }
}

Outputs GroupedGradInput::outputs(const Specs& in) const {
    return {{.shape = {in[0].shape[0], in[1].shape[2]}, .dtype = in[0].dtype}};
}

Work GroupedGradInput::work(const Specs& in, const Specs&) const {
    const Flops flops = gemm(in[0].shape[0], in[1].shape);
    return {.model = flops, .matrix = flops};
}

Outputs GroupedGradWeight::outputs(const Specs&) const { return {}; }

Work GroupedGradWeight::work(const Specs& in, const Specs& out) const {
    if (bias) return {.vector = Flops{static_cast<double>(numel(in[1].shape))}};
    const Flops flops = gemm(in[0].shape[0], out[0].shape);
    return {.model = flops, .matrix = flops};
}

}  // namespace headroom
