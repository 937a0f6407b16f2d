#pragma once

#include <string>

#include "planner/step/step_graph.h"

namespace headroom {

/// One line an op: index, phase, name, attributes, inputs -> outputs as "%id:label(shape)dtype".
std::string dump(const StepGraph& graph);

/// 16 hex digits of what the step does: ops, attributes, operands, bytes. Names of tensors and the
/// order in which they were made do not count.
std::string digest(const StepGraph& graph);

}  // namespace headroom
