#include "planner/engine/engine_step.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

namespace headroom {
namespace {

/// The passes an engine takes over as they are; sharding and the update are its own.
constexpr std::array<std::string_view, 8> kTaken{
    "forward", "adapter", "tensor_parallel", "context_parallel", "expert_parallel",
    "states",  "tape",    "recompute"};

}  // namespace

Lowering engine_step(const PlanRequest& request, const Stage& stage) {
    Lowering lowering{.request = request, .stage = stage};
    for (const auto& pass : passes()) {
        if (std::ranges::find(kTaken, pass.name) == kTaken.end()) continue;
        if (pass.applies(request)) pass.run(lowering);
    }
    return lowering;
}

WeightCounts weight_counts(const Lowering& lowering) {
    WeightCounts counts;
    std::set<std::pair<std::int64_t, std::int64_t>> shapes;
    for (const auto& unit : lowering.units) {
        const auto elements = static_cast<double>(unit.elements);
        const bool outer = unit.kind == UnitKind::embedding || unit.kind == UnitKind::head;
        if (unit.kind == UnitKind::expert) {
            counts.experts += elements;
        } else {
            counts.dense += elements;
        }
        if (!unit.trainable) counts.frozen += elements;
        if (outer) {
            counts.outer_units += elements;
        } else {
            counts.largest_unit = std::max(counts.largest_unit, elements);
        }
        for (const auto id : unit.parameters) {
            const Tensor& tensor = lowering.graph[id];
            if (tensor.parameter.adapter) {
                counts.adapters += static_cast<double>(numel(tensor.shape));
            }
            if (tensor.shape.rank() < 2 || !unit.trainable || unit.kind == UnitKind::embedding) {
                continue;
            }
            const std::int64_t columns = tensor.shape.back();
            const std::int64_t rows = numel(tensor.shape) / std::max<std::int64_t>(columns, 1);
            if (shapes.insert({rows, columns}).second) {
                counts.distinct_shapes += static_cast<double>(rows * columns);
            }
        }
    }
    return counts;
}

}  // namespace headroom
