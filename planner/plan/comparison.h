#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "planner/base/json.h"
#include "planner/plan/plan.h"

namespace headroom {

enum class NumberUnit { bytes, seconds, flops, usd, count, rate, fraction, gpu_hours, kwh };

/// One predicted number of a plan, as reports and comparisons list it.
struct PlanNumber {
    std::string_view name{};
    NumberUnit unit = NumberUnit::count;
    double (*get)(const Plan&) = nullptr;
};

/// Every predicted number, memory of the worst rank first.
std::span<const PlanNumber> plan_numbers();

std::string_view name(NumberUnit unit);
/// "12.34 GiB", "1.20 s", "41.2 %".
std::string to_string(NumberUnit unit, double value);
/// The same with its sign; "=" for no difference.
std::string difference_to_string(NumberUnit unit, double value);

/// A setting that two requests have differently.
struct SettingDifference {
    std::string setting{};
    std::string a{};
    std::string b{};
};

/// A number of two plans side by side.
struct NumberRow {
    std::string_view name{};
    NumberUnit unit = NumberUnit::count;
    double a = 0.0;
    double b = 0.0;

    [[nodiscard]] double difference() const { return b - a; }
};

struct Comparison {
    std::vector<SettingDifference> settings{};
    std::vector<NumberRow> numbers{};
};

/// Settings, model and hardware that differ; knobs by their `--pin` name.
std::vector<SettingDifference> setting_differences(const PlanRequest& a, const PlanRequest& b);

Comparison compare(const Plan& a, const Plan& b);
Json to_json(const Comparison& comparison);

}  // namespace headroom
