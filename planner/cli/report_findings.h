#pragma once

#include <string>
#include <vector>

#include "planner/cli/figures.h"
#include "planner/plan/findings.h"

namespace headroom::cli {

/// Where a run ran, on what, how its loss went.
std::string measurement_text(const Measurement& measurement, const Style& style);
/// Predicted | measured | difference | reason, a table a group.
std::string findings_text(const std::vector<Finding>& rows, const Style& style);
/// "memory and FLOPs equal, time within its band": one line.
std::string findings_brief(const std::vector<Finding>& rows);
/// "the plan is short of 12.3 GiB; zero=2 or recompute=layer would help".
std::string remedies(const Plan& plan);

}  // namespace headroom::cli
