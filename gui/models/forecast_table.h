#pragma once

#include <vector>

#include "gui/models/plan_tables.h"
#include "planner/engine/forecast.h"

namespace headroom::gui {

/// One figure that the framework's own tools will show. Memory is in bytes, so that its unit can be
/// chosen; anything else is text already.
struct ForecastRow {
    QString name{};
    Bytes bytes{};  ///< zero: `value` says it
    QString value{};
    QString note{};
    Bytes low{};  ///< of the band; zero: none
    Bytes high{};
    bool heading = false;
};
/// `plan` gives what does not depend on who runs it: tokens of a step, FLOPs and price.
std::vector<ForecastRow> forecast_rows(const Plan& plan, const EngineForecast& forecast);
RowModel<ForecastRow> forecast_model();

/// The verdict for whoever runs the plan: a framework fits when the high end of its band does.
FitBadge forecast_badge(const EngineForecast& forecast, const Figures& figures);

/// Who can run a plan, as a person chooses it.
struct EngineChoice {
    QString words{};  ///< "megatron (core)"
    QString name{};   ///< what a request says
    QString tip{};
};
/// Our own runtime, then every row of `engines()`.
std::vector<EngineChoice> engine_choices();
/// The choice that a request's name means, whatever its spelling; -1: none.
int engine_choice_of(const std::string& name);

}  // namespace headroom::gui
