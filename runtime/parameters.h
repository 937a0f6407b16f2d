#pragma once

#include <cstdint>
#include <vector>

#include "planner/step/step_graph.h"

namespace headroom {

/// Where the values of a parameter stay between steps: `count` elements from `first` on of a kept
/// tensor, and of the fp32 master when the optimizer has one. A rank that keeps a shard holds only
/// the elements that lie in it, the parameter's own from 0 on.
struct ParameterHome {
    TensorId parameter{};
    TensorId weights{};  ///< persistent, perhaps in host memory
    TensorId master{};   ///< none: weights are all there is
    std::int64_t first = 0;
    std::int64_t count = 0;
};

/// The parameter that an op reads: weights that are brought in for a use are a copy of it.
TensorId parameter_of(const StepGraph& graph, TensorId weights);

/// Homes of all parameters, in the graph's order.
std::vector<ParameterHome> parameter_homes(const StepGraph& graph);

}  // namespace headroom
