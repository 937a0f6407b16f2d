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
/// What a plan lacks where so much memory is free, and the settings that would help.
std::string remedies_within(PlanRequest request, Bytes free);

}  // namespace headroom::cli
