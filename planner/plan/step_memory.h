#pragma once

#include <vector>

#include "planner/plan/explain.h"
#include "planner/step/lifetime.h"

namespace headroom {

/// One micro-step and the update of a plan's worst rank, with the device memory of every op.
struct StepMemory {
    StepGraph graph{};
    std::vector<Lifetime> lives{};
    MemoryTimeline device{};
    Peak peak{};

    /// Bytes of a role that the rank holds beside this one micro-step: what further micro-batches
    /// in flight keep, and the buffers of communicators. Taken as constant over the step.
    [[nodiscard]] Bytes beside(const RankMemory& rank, std::size_t role) const {
        return rank.device.by_role[role] - peak.by_role[role];
    }
};

/// Lowers the worst rank's stage again and lays its memory out over the ops.
StepMemory step_memory(const Plan& plan);

/// What is alive during one op, by category in report order; at the peak it adds up to the rank's
/// predicted total.
std::vector<PeakCategory> alive_at(const Plan& plan, const StepMemory& step, std::size_t op);

}  // namespace headroom
