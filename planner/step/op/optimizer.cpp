#include "planner/step/op/optimizer.h"

#include "planner/step/step_graph.h"

namespace headroom {

Outputs GradNorm::outputs(const Specs& in) const {
    return {{.shape = in[1].shape, .dtype = DType::f32, .alias = 1}};
}
Work GradNorm::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{2.0 * static_cast<double>(numel(in[0].shape))}};
}

Outputs MaskGradient::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .role = Role::gradient, .alias = 0}};
}
Work MaskGradient::work(const Specs& in, const Specs&) const {
    return {.moved = 2 * bytes(in[0]) + bytes(in[1])};
}

Outputs Update::outputs(const Specs&) const { return {}; }
Work Update::work(const Specs& in, const Specs& out) const {
    const double elements = static_cast<double>(numel(in[0].shape));
    // Gradient and sums are read; weights, master and states are read and written.
    Bytes moved = bytes(in[1]) + bytes(in[2]);
    for (std::size_t i = 0; i < out.size(); ++i) moved += 2 * bytes(out[i]);
    // With a master copy the 16-bit weights are only written.
    if (out.size() > 1 && numel(out[1].shape) == numel(out[0].shape) &&
        out[1].dtype == DType::f32 && out[0].dtype != DType::f32) {
        moved -= bytes(out[0]);
    }
    return {.vector = Flops{15.0 * elements}, .moved = moved};
}

std::vector<StateSpec> optimizer_states(OptimizerKind kind, std::int64_t elements,
                                        std::int64_t factored) {
    const std::int64_t blocks = ceil_div(elements, kAdam8Block);
    switch (kind) {
        case OptimizerKind::adamw:
            return {{"exp_avg", elements, DType::f32}, {"exp_avg_sq", elements, DType::f32}};
        case OptimizerKind::sgd:
            return {{"momentum", elements, DType::f32}};
        case OptimizerKind::lion:
            return {{"exp_avg", elements, DType::f32}};
        case OptimizerKind::adafactor:
            return {{"factored_sq", factored, DType::f32}};
        case OptimizerKind::adamw8bit:
            return {{"exp_avg", elements, DType::u8},
                    {"exp_avg_sq", elements, DType::u8},
                    {"exp_avg.scales", blocks, DType::f32},
                    {"exp_avg_sq.scales", blocks, DType::f32}};
    }
    return {};
}

}  // namespace headroom
