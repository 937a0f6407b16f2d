#include <algorithm>
#include <map>
#include <utility>

#include "planner/engine/program_units.h"
#include "planner/engine/unit_span.h"

namespace headroom {
namespace {

/// Positions of the first and the last write of some bytes; -1: none.
struct Writes {
    Position first = -1;
    Position last = -1;
};

/// Where a tensor's bytes lie: sums of a gradient are tensors of their own in one place.
using BytesPlace = std::pair<std::int32_t, std::int64_t>;
BytesPlace place_of(const Tensor& tensor) { return {tensor.storage.index, tensor.offset.count()}; }

std::map<BytesPlace, Writes> writes_of(const StepGraph& graph) {
    std::map<BytesPlace, Writes> written;
    for (std::size_t at = 0; at < graph.ops.size(); ++at) {
        for (const auto id : graph.outputs(graph.ops[at])) {
            Writes& each = written[place_of(graph[id])];
            if (each.first < 0) each.first = static_cast<Position>(at);
            each.last = static_cast<Position>(at);
        }
    }
    return written;
}

}  // namespace

std::vector<ProgramBuffer> gradient_buffers(const Lowering& lowering, const Engine& engine,
                                            const EngineSettings& settings) {
    std::vector<ProgramBuffer> out;
    const bool units = gathers_units(lowering.request, engine);
    if (!units && !gradients_appear(lowering.request, engine)) return out;
    const bool own = engine.weight_gradient == WeightGradient::own && !units;
    const double stated =
        settings.gradient_bytes > 0.0 ? settings.gradient_bytes : engine.states.gradient;
    const double each = own ? stated : 2.0;
    const StepGraph& graph = lowering.graph;
    auto written = writes_of(graph);
    const auto spans = layer_spans(lowering);
    const auto end = static_cast<Position>(graph.ops.size()) - 1;
    const bool apart = units && !spans.empty() && outer_apart(lowering.request, engine);
    for (const auto& unit : lowering.units) {
        const auto span = spans.find(unit.layer);
        Position last = end;
        if (apart && unit.kind == UnitKind::head) last = spans.rbegin()->second.backward_begin - 1;
        if (units && !is_outer(unit) && span != spans.end()) last = span->second.backward_end;
        for (const auto id : unit.parameters) {
            const TensorId gradient = graph[id].parameter.gradient;
            if (!gradient.valid()) continue;
            const Writes at = written[place_of(graph[gradient])];
            const auto size = static_cast<double>(numel(graph[id].shape)) * each;
            const bool at_once = settings.updates_in_backward && !units && at.last >= 0;
            const Position until = at_once ? at.last : last;
            const Position from = at.first < 0 ? until : std::min(at.first, until);
            out.push_back({Bytes{static_cast<std::int64_t>(size)}, from, until});
        }
    }
    return out;
}

}  // namespace headroom
