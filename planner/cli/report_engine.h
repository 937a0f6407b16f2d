#pragma once

#include <string>

#include "planner/cli/figures.h"
#include "planner/cli/options.h"
#include "planner/engine/forecast.h"
#include "planner/plan/plan.h"

namespace headroom::cli {

/// The fitted numbers and bands that come with the profiles.
TimingProfile load_timing(const std::filesystem::path& profiles_root);

/// Whether a request is for a framework rather than for our own runtime.
bool names_framework(const PlanRequest& request);

/// "with megatron (core) does not fit: ...".
std::string engine_sentence(const EngineForecast& forecast);
/// What the framework's own tools will show, beside the plan's step.
std::string engine_text(const Plan& plan, const EngineForecast& forecast, const Style& style);

}  // namespace headroom::cli
