#include "planner/step/promise.h"

#include <fmt/format.h>

#include "planner/base/error.h"

namespace headroom {

std::string title(const StepGraph& graph, std::int32_t op) {
    return fmt::format("op {} {}", op, name(graph.ops[static_cast<std::size_t>(op)].op));
}

void broken(const StepGraph& graph, std::int32_t op, const std::string& sentence) {
    const OpNode& node = graph.ops[static_cast<std::size_t>(op)];
    const auto operands = node.out_count > 0 ? graph.outputs(node) : graph.inputs(node);
    const std::string where = operands.empty() ? "" : to_string(graph[operands.front()].label);
    throw InternalError(fmt::format("{} ({}): {}", title(graph, op), where, sentence));
}

}  // namespace headroom
