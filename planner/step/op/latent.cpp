#include "planner/step/op/latent.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

Outputs LatentKv::outputs(const Specs& in) const {
    const std::int64_t heads = in[0].shape[1] / (nope + v_dim);
    return {{.shape = {in[0].shape[0], heads * (nope + in[1].shape[1])}, .dtype = in[0].dtype},
            {.shape = {in[0].shape[0], heads * v_dim}, .dtype = in[0].dtype}};
}
Work LatentKv::work(const Specs&, const Specs&) const { return {}; }
void LatentKv::backward(Tape& tape, const OpNode& node) const {
    const LatentKvGrad grad{
        .nope = nope, .rope = tape.graph()[tape.in(node, 1)].shape[1], .v_dim = v_dim};
    const std::array in{tape.gradient(tape.out(node, 0)), tape.gradient(tape.out(node, 1))};
    const auto out = tape.emit(grad, in, tape.in(node, 0));
    tape.give(tape.in(node, 0), out[0]);
    tape.give(tape.in(node, 1), out[1]);
}

Outputs LatentKvGrad::outputs(const Specs& in) const {
    const std::int64_t heads = in[1].shape[1] / v_dim;
    return {{.shape = {in[0].shape[0], heads * (nope + v_dim)}, .dtype = in[0].dtype},
            {.shape = {in[0].shape[0], rope}, .dtype = in[0].dtype}};
}
Work LatentKvGrad::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{static_cast<double>(numel(in[0].shape))}};
}

}  // namespace headroom
