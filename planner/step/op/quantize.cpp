#include "planner/step/op/quantize.h"

#include "planner/step/step_graph.h"

namespace headroom {

Outputs Dequantize::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = to, .role = Role::workspace}};
}
Work Dequantize::work(const Specs&, const Specs& out) const {
    return {.vector = Flops{2.0 * static_cast<double>(numel(out[0].shape))}};
}

}  // namespace headroom
