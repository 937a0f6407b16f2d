#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "planner/cli/figures.h"
#include "planner/plan/plan.h"

namespace headroom::cli {

/// What a category of memory is, for a reader who sees the word first here.
std::string_view meaning(std::string_view category);

/// "fits: 52.31 of 79.18 GiB, 20.10 GiB free", or what is short.
std::string verdict_sentence(const Plan& plan);
/// The same as a line that stands out, with remedies below it.
std::string verdict_text(const Plan& plan, const Style& style);

/// Model, hardware and the run's sizes.
std::string subject_text(const PlanRequest& request, const Style& style);
/// The knobs that differ from their defaults, as `--pin` lines.
std::string settings_text(const PlanRequest& request, const Style& style);
/// Memory of the worst rank by category, its band, host memory and the phases of a run.
std::string memory_text(const Plan& plan, const Style& style);
/// Where a step's time goes, and what a run costs.
std::string cost_text(const Plan& plan, const Style& style);

/// All of the above, in order.
std::string plan_text(const Plan& plan, const Style& style);

/// "zero=2 micro_batch=4": what `request` has differently from `base`.
std::string settings_beside(const PlanRequest& request, const PlanRequest& base);

}  // namespace headroom::cli
