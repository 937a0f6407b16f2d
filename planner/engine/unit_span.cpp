#include "planner/engine/unit_span.h"

namespace headroom {

std::map<std::int32_t, UnitSpan> layer_spans(const Lowering& lowering) {
    std::map<std::int32_t, UnitSpan> spans;
    const auto& ops = lowering.graph.ops;
    for (std::size_t at = 0; at < ops.size(); ++at) {
        if (ops[at].layer < 0) continue;
        UnitSpan& span = spans[ops[at].layer];
        const auto here = static_cast<Position>(at);
        const bool forward = ops[at].phase == Phase::forward;
        Position& begin = forward ? span.forward_begin : span.backward_begin;
        if (begin < 0) begin = here;
        (forward ? span.forward_end : span.backward_end) = here;
    }
    return spans;
}

bool is_outer(const StateUnit& unit) {
    return unit.kind == UnitKind::embedding || unit.kind == UnitKind::head || unit.layer < 0;
}

bool outer_apart(const PlanRequest& request, const Engine& engine) {
    return engine.buffers.outer_apart && engine.gathering == Gathering::fsdp2 &&
           request.adapter.kind == AdapterKind::none;
}

}  // namespace headroom
