#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "planner/lower/lower.h"
#include "planner/plan/plan.h"
#include "runtime/cli/run_options.h"

namespace headroom::run {

/// A plan read from a file, predicted and lowered again for the rank that is to run.
struct RunPlan {
    std::unique_ptr<const Plan> plan{};  ///< lowering.request refers to it
    std::int64_t stage = 0;
    Lowering lowering;
    std::string digest{};
    std::vector<std::string> notes{};

    [[nodiscard]] const PlanRequest& request() const { return plan->request; }
};

/// Throws InputError when the file is no plan, its digest is not that of the step this version
/// lowers, or it lacks what the options ask for.
RunPlan prepare(const RunOptions& options);

}  // namespace headroom::run
