#include "planner/plan/explain.h"

#include <algorithm>

#include "planner/base/json.h"
#include "planner/plan/step_memory.h"

namespace headroom {
namespace {

constexpr std::size_t kTimelinePoints = 64;

std::vector<TimelinePoint> timeline(const StepMemory& step) {
    const auto& at = step.device.at;
    const std::size_t points = std::min(kTimelinePoints, at.size());
    std::vector<TimelinePoint> out;
    for (std::size_t i = 0; i < points; ++i) {
        const std::size_t begin = i * at.size() / points;
        const std::size_t end = (i + 1) * at.size() / points;
        std::size_t largest = begin;
        for (std::size_t op = begin; op < end; ++op) {
            if (total(at[op]) > total(at[largest])) largest = op;
        }
        const auto& ops = step.graph.ops;
        out.push_back({ops[begin].phase, ops[largest].layer, total(at[largest])});
    }
    return out;
}

Json category_json(const PeakCategory& category) {
    Json items = Json::array();
    for (const auto& item : category.items) {
        items.push_back({{"part", item.part},
                         {"shape", item.shape},
                         {"dtype", item.dtype},
                         {"count", item.count},
                         {"bytes", item.bytes.count()}});
    }
    return {{"name", category.name},
            {"bytes", category.bytes.count()},
            {"formula", category.formula},
            {"items", items}};
}

Json dial_json(const Dial& dial) {
    return {{"knob", dial.knob},
            {"from", dial.from},
            {"to", dial.to},
            {"memory_bytes", dial.memory.count()},
            {"memory_change_bytes", dial.memory_change.count()},
            {"step_seconds", dial.step.count()},
            {"step_change_seconds", dial.step_change.count()},
            {"speed", dial.speed},
            {"fits", dial.fits}};
}

}  // namespace

Explanation explain(const Plan& plan) {
    const StepMemory step = step_memory(plan);
    return {.categories = alive_at(plan, step, step.peak.op),
            .timeline = timeline(step),
            .dials = dials(plan.request)};
}

Json to_json(const Explanation& explanation) {
    Json out{{"categories", Json::array()}, {"timeline", Json::array()}, {"dials", Json::array()}};
    for (const auto& each : explanation.categories) {
        out["categories"].push_back(category_json(each));
    }
    for (const auto& each : explanation.timeline) {
        out["timeline"].push_back(
            {{"phase", name(each.phase)}, {"layer", each.layer}, {"bytes", each.bytes.count()}});
    }
    for (const auto& each : explanation.dials) out["dials"].push_back(dial_json(each));
    return out;
}

}  // namespace headroom
