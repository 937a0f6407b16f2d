#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "planner/base/json.h"
#include "planner/plan/comparison.h"
#include "planner/plan/measurement.h"
#include "planner/plan/plan.h"

namespace headroom {

/// equal: to the byte or FLOP; within: inside the stated tolerance or band; outside: neither;
/// informative: shown beside each other, but nothing was promised (the reason says why).
enum class Agreement { equal, within, outside, informative };

/// One row of predicted beside measured.
struct Finding {
    std::string group{};  ///< "memory", "FLOPs", "time", "time by op"
    std::string part{};   ///< "activations", "backward", "step"
    NumberUnit unit = NumberUnit::bytes;
    double predicted = 0.0;
    double measured = 0.0;
    Agreement agreement = Agreement::informative;
    std::string reason{};  ///< why they differ, or where the tolerance comes from

    [[nodiscard]] double difference() const { return measured - predicted; }
};

/// Time of one step by (phase, op).
using OpTimes = std::map<std::pair<std::string, std::string>, Seconds>;

/// What the plan's profile expects of the measured rank's step, op by op.
OpTimes expected_op_times(const Plan& plan, const Measurement& measurement);

/// Lowers the measured rank's stage again and puts its prediction beside the measurement.
/// Throws InputError when the measurement is of another step than the plan's.
std::vector<Finding> findings(const Plan& plan, const Measurement& measurement);
bool any_outside(const std::vector<Finding>& rows);
Json to_json(const std::vector<Finding>& rows);

/// The pipeline stage that a rank belongs to: tensor ranks are neighbours, then context, data and
/// pipeline.
std::int64_t stage_of_rank(const PlanRequest& request, std::int64_t rank);

}  // namespace headroom
