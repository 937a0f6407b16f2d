#include "planner/step/op/rope.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

Outputs Rope::outputs(const Specs& in) const {
    Outputs out;
    for (int i = 0; i < static_cast<int>(in.size()); ++i) {
        const auto& spec = in[static_cast<std::size_t>(i)];
        out.push({.shape = spec.shape, .dtype = spec.dtype, .alias = i});
    }
    return out;
}

Work Rope::work(const Specs& in, const Specs&) const {
    double elements = 0.0;
    for (std::size_t i = 0; i < in.size(); ++i) {
        elements += static_cast<double>(numel(in[i].shape));
    }
    const double part = static_cast<double>(rotary) / static_cast<double>(head_dim);
    return {.vector = Flops{3.0 * part * elements}};
}

void Rope::backward(Tape& tape, const OpNode& node) const {
    Rope back = *this;
    back.inverse = !inverse;
    std::vector<TensorId> gradients;
    std::vector<TensorId> values;
    for (std::size_t i = 0; i < node.in_count; ++i) {
        const TensorId dy = tape.gradient(tape.out(node, i));
        if (!dy.valid()) continue;
        gradients.push_back(dy);
        values.push_back(tape.in(node, i));
    }
    const auto out = tape.emit(back, gradients, values.front());
    for (std::size_t i = 0; i < values.size(); ++i) tape.give(values[i], out[i]);
}

}  // namespace headroom
