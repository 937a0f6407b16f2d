#pragma once

#include <array>
#include <vector>

#include "planner/plan/step_memory.h"

namespace headroom::gui {

/// The fullest op of a stretch of the step.
struct Moment {
    std::size_t op = 0;
    RoleBytes by_role{};  ///< with what the rank holds beside this micro-step
    Bytes reserved{};
    Bytes total{};
};

/// The step as at most `limit` stretches of ops; their largest is the rank's predicted total.
std::vector<Moment> moments(const Plan& plan, const StepMemory& step, std::size_t limit);

/// Where a phase begins, by op.
struct PhaseStart {
    std::size_t op = 0;
    Phase phase = Phase::forward;
};
std::vector<PhaseStart> phase_starts(const StepMemory& step);

}  // namespace headroom::gui
