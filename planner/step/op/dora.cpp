#include "planner/step/op/dora.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

Outputs DoraNorm::outputs(const Specs& in) const {
    return {{.shape = in[3].shape, .dtype = DType::f32, .part = "dora.scale"},
            {.shape = in[0].shape,
             .dtype = in[1].dtype,
             .role = Role::workspace,
             .part = "dora.merged"}};
}
Work DoraNorm::work(const Specs& in, const Specs&) const {
    const auto weight = static_cast<double>(numel(in[0].shape));
    const Flops product{2.0 * weight * static_cast<double>(in[1].shape[0])};
    // Bookkeeping of the reparametrisation, executed but no part of the model's mathematics.
    return {.matrix = product, .vector = Flops{3.0 * weight}};
}
void DoraNorm::backward(Tape& tape, const OpNode& node) const {
    const TensorId magnitude = tape.in(node, 3);
    const TensorId dscale = tape.gradient(tape.out(node, 0));
    if (!tape.trains(magnitude)) return;
    const DoraGrad grad{.accumulation = tape.accumulation(magnitude)};
    tape.emit_into(grad, std::array{dscale, tape.out(node, 0), magnitude}, magnitude,
                   std::array{magnitude});
}

Outputs DoraGrad::outputs(const Specs&) const { return {}; }
Work DoraGrad::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{2.0 * static_cast<double>(numel(in[0].shape))}};
}

}  // namespace headroom
