#pragma once

#include <cstdint>
#include <string>

#include "planner/step/step_graph.h"

namespace headroom {

/// "op 123 norm_grad".
std::string title(const StepGraph& graph, std::int32_t op);

/// Throws InternalError: "op 123 norm_grad (layers.3.attn_norm): <sentence>".
[[noreturn]] void broken(const StepGraph& graph, std::int32_t op, const std::string& sentence);

}  // namespace headroom
