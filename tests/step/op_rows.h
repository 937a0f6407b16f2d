#pragma once

#include <vector>

#include "planner/step/step_graph.h"

namespace headroom {

/// An op on inputs of these shapes, and the matrix FLOPs of its mathematics and of its kernel.
struct OpRow {
    Op op{};
    std::vector<TensorSpec> in{};
    double model = 0.0;
    double matrix = 0.0;
    std::vector<TensorSpec> extra{};  ///< outputs that exist before the op
    std::vector<Shape> declared{};    ///< shapes of the outputs it makes
};

/// At least one row for every op there is.
std::vector<OpRow> op_rows();

}  // namespace headroom
