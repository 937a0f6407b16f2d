#include "gui/models/timeline_points.h"

#include <algorithm>

namespace headroom::gui {
namespace {

std::size_t fullest(const StepMemory& step, std::size_t begin, std::size_t end) {
    std::size_t most = begin;
    Bytes bytes{-1};
    for (std::size_t op = begin; op < end; ++op) {
        const Bytes here = total(step.device.at[op]);
        if (here > bytes) {
            bytes = here;
            most = op;
        }
    }
    return most;
}

}  // namespace

std::vector<Moment> moments(const Plan& plan, const StepMemory& step, std::size_t limit) {
    const auto& rank = plan.predicted.worst_rank();
    const std::size_t ops = step.device.at.size();
    const std::size_t count = std::min(limit, ops);
    std::vector<Moment> out;
    for (std::size_t i = 0; i < count; ++i) {
        Moment moment{.op = fullest(step, i * ops / count, (i + 1) * ops / count),
                      .reserved = rank.device.reserved};
        moment.total = moment.reserved;
        for (std::size_t role = 0; role < kRoles; ++role) {
            moment.by_role[role] = step.device.at[moment.op][role] + step.beside(rank, role);
            moment.total += moment.by_role[role];
        }
        out.push_back(moment);
    }
    return out;
}

std::vector<PhaseStart> phase_starts(const StepMemory& step) {
    std::vector<PhaseStart> out;
    for (std::size_t op = 0; op < step.graph.ops.size(); ++op) {
        const Phase phase = step.graph.ops[op].phase;
        if (out.empty() || out.back().phase != phase) out.push_back({op, phase});
    }
    return out;
}

}  // namespace headroom::gui
