#pragma once

#include <string>
#include <vector>

#include "planner/engine/timing_profile.h"
#include "planner/score/row_request.h"

namespace headroom {

/// GPU-hours of a whole run, published and predicted.
struct RunTotal {
    std::string name{};
    std::string source{};
    double measured_hours = 0.0;
    double predicted_hours = 0.0;
    double usd_per_gpu_hour = 0.0;  ///< 0: the source names no price

    [[nodiscard]] double error() const { return predicted_hours / measured_hours - 1.0; }
};

/// Of the rows that give GPU-hours and tokens and can be expressed, and of those that the profiles
/// come with (measured/run-totals.json): the predicted step as often as the tokens ask for.
std::vector<RunTotal> run_totals(const std::vector<MeasuredRow>& rows, const Library& library,
                                 const TimingProfile& profile);

}  // namespace headroom
