#include "planner/step/op/linear.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

namespace {

/// 2 * N * in * out.
Flops gemm(const TensorSpec& rows, const TensorSpec& weight) {
    return Flops{2.0 * static_cast<double>(rows.shape[0]) *
                 static_cast<double>(numel(weight.shape))};
}

/// Gives x the gradient dy * W, summed into what x already has in the same GEMM.
void give_input_gradient(Tape& tape, TensorId x, TensorId dy, TensorId weight, double scale) {
    if (!tape.wants(x)) return;
    const LinearGradInput grad{.scale = scale, .out_dtype = tape.graph()[x].dtype};
    const TensorId present = tape.gradient(x);
    if (present.valid() && tape.exclusive(present)) {
        tape.replace(x, tape.emit(grad, std::array{dy, weight, present}, x)[0]);
    } else {
        tape.give(x, tape.emit(grad, std::array{dy, weight}, x)[0]);
    }
}

void write_weight_gradient(Tape& tape, TensorId weight, TensorId x, TensorId dy, double scale) {
    const TensorId parameter = tape.parameter(weight);
    if (!tape.trains(parameter)) return;
    const LinearGradWeight grad{.scale = scale, .accumulation = tape.accumulation(parameter)};
    tape.emit_into(grad, std::array{x, dy}, parameter, std::array{parameter});
    tape.pass_through(weight);
}

}  // namespace

Outputs Linear::outputs(const Specs& in) const {
    return {
        {.shape = {in[0].shape[0], in[1].shape[0]}, .dtype = f32_out ? DType::f32 : in[0].dtype}};
}

Work Linear::work(const Specs& in, const Specs&) const {
    const Flops flops = gemm(in[0], in[1]);
    return {.model = flops, .matrix = flops};
}

void Linear::backward(Tape& tape, const OpNode& node) const {
    const TensorId x = tape.in(node, 0);
    const TensorId weight = tape.in(node, 1);
    const TensorId dy = tape.gradient(tape.out(node, 0));
    write_weight_gradient(tape, weight, x, dy, 1.0);
    if (node.in_count == 3 && tape.trains(tape.in(node, 2))) {
        const TensorId bias = tape.in(node, 2);
        const BiasGrad grad{.accumulation = tape.accumulation(bias)};
        tape.emit_into(grad, std::array{dy}, bias, std::array{bias});
    }
    give_input_gradient(tape, x, dy, weight, 1.0);
}

Outputs LinearAdd::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .alias = 0}};
}

Work LinearAdd::work(const Specs& in, const Specs&) const {
    const Flops flops = gemm(in[1], in[2]);
    return {.model = flops, .matrix = flops};
}

void LinearAdd::backward(Tape& tape, const OpNode& node) const {
    const TensorId x = tape.in(node, 1);
    const TensorId weight = tape.in(node, 2);
    const TensorId dy = tape.gradient(tape.out(node, 0));
    write_weight_gradient(tape, weight, x, dy, scale);
    give_input_gradient(tape, x, dy, weight, scale);
    tape.give(tape.in(node, 0), dy);
}

Outputs LinearGradInput::outputs(const Specs& in) const {
    const bool adds = in.size() == 3;
    return {{.shape = {in[0].shape[0], in[1].shape[1]},
             .dtype = adds ? in[2].dtype : out_dtype,
             .alias = adds ? 2 : -1}};
}

Work LinearGradInput::work(const Specs& in, const Specs&) const {
    const Flops flops = gemm(in[0], in[1]);
    return {.model = flops, .matrix = flops};
}

Outputs LinearGradWeight::outputs(const Specs&) const { return {}; }

Work LinearGradWeight::work(const Specs& in, const Specs& out) const {
    const Flops flops = gemm(in[0], out[0]);
    const int passes = accumulation == Accumulation::overwrite ? 1 : 2;
    return {.model = flops,
            .matrix = flops,
            .moved = bytes(in[0]) + bytes(in[1]) + passes * bytes(out[0])};
}

Outputs BiasGrad::outputs(const Specs&) const { return {}; }

Work BiasGrad::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{static_cast<double>(numel(in[0].shape))}};
}

}  // namespace headroom
