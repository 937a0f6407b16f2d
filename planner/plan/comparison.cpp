#include "planner/plan/comparison.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "planner/base/json.h"
#include "planner/spec/knob.h"

namespace headroom {
namespace {

constexpr std::int64_t kComparisonFormat = 1;

template <Role role>
double role_bytes(const Plan& plan) {
    return plan.predicted.worst_rank().device[role].real();
}

template <auto Member>
double cost(const Plan& plan) {
    const auto value = plan.predicted.cost.*Member;
    if constexpr (std::is_arithmetic_v<decltype(value)>) {
        return static_cast<double>(value);
    } else {
        return value.real();
    }
}

template <auto Member>
double predicted(const Plan& plan) {
    const auto value = plan.predicted.*Member;
    if constexpr (std::is_arithmetic_v<decltype(value)>) {
        return static_cast<double>(value);
    } else {
        return value.real();
    }
}

/// 0 without a run: the fields are then those of one step.
template <auto Member>
double of_run(const Plan& plan) {
    return plan.predicted.cost.steps > 0 ? cost<Member>(plan) : 0.0;
}

double total_bytes(const Plan& plan) { return plan.predicted.worst_rank().device.total().real(); }
double reserved_bytes(const Plan& plan) {
    return plan.predicted.worst_rank().device.reserved.real();
}
double low_bytes(const Plan& plan) { return plan.predicted.band.low.real(); }
double high_bytes(const Plan& plan) { return plan.predicted.band.high.real(); }

using U = NumberUnit;
using C = CostBreakdown;
using P = Prediction;

constexpr std::array kNumbers{
    PlanNumber{"memory", U::bytes, total_bytes},
    PlanNumber{"memory low", U::bytes, low_bytes},
    PlanNumber{"memory high", U::bytes, high_bytes},
    PlanNumber{"parameters", U::bytes, role_bytes<Role::parameter>},
    PlanNumber{"master", U::bytes, role_bytes<Role::master>},
    PlanNumber{"gradients", U::bytes, role_bytes<Role::gradient>},
    PlanNumber{"optimizer", U::bytes, role_bytes<Role::optimizer>},
    PlanNumber{"activations", U::bytes, role_bytes<Role::activation>},
    PlanNumber{"logits", U::bytes, role_bytes<Role::logits>},
    PlanNumber{"workspace", U::bytes, role_bytes<Role::workspace>},
    PlanNumber{"communication", U::bytes, role_bytes<Role::communication>},
    PlanNumber{"reserved", U::bytes, reserved_bytes},
    PlanNumber{"capacity", U::bytes, predicted<&P::capacity>},
    PlanNumber{"host, a node", U::bytes, predicted<&P::host_node>},
    PlanNumber{"NVMe, a node", U::bytes, predicted<&P::nvme_node>},
    PlanNumber{"step", U::seconds, cost<&C::step>},
    PlanNumber{"compute time", U::seconds, cost<&C::compute>},
    PlanNumber{"exposed communication", U::seconds, cost<&C::exposed_communication>},
    PlanNumber{"bubble", U::seconds, cost<&C::bubble>},
    PlanNumber{"transfer time", U::seconds, cost<&C::transfer>},
    PlanNumber{"optimizer time", U::seconds, cost<&C::optimizer>},
    PlanNumber{"model FLOPs", U::flops, cost<&C::model_flops>},
    PlanNumber{"hardware FLOPs", U::flops, cost<&C::hardware_flops>},
    PlanNumber{"tokens a second", U::rate, cost<&C::tokens_per_second>},
    PlanNumber{"MFU", U::fraction, cost<&C::mfu>},
    PlanNumber{"HFU", U::fraction, cost<&C::hfu>},
    PlanNumber{"steps of the run", U::count, cost<&C::steps>},
    PlanNumber{"GPU-hours of the run", U::gpu_hours, of_run<&C::gpu_hours>},
    PlanNumber{"price of the run", U::usd, of_run<&C::usd>},
    PlanNumber{"energy of the run", U::kwh, of_run<&C::energy_kwh>},
    PlanNumber{"model parameters", U::count, predicted<&P::parameters>},
    PlanNumber{"trainable parameters", U::count, predicted<&P::trainable>},
    PlanNumber{"ops of a step", U::count, predicted<&P::ops>},
};

constexpr std::array<std::string_view, 9> kUnitNames{"bytes",    "seconds",   "flops",
                                                     "usd",      "count",     "tokens_per_second",
                                                     "fraction", "gpu_hours", "kwh"};

std::int64_t whole(double value) { return static_cast<std::int64_t>(std::llround(value)); }

/// "209,012", "12.3", "0.00415".
std::string three_digits(double value) {
    return std::abs(value) < 100.0 ? fmt::format("{:.3g}", value) : with_thousands(whole(value));
}

void add_difference(std::vector<SettingDifference>& out, std::string_view setting, std::string a,
                    std::string b) {
    if (a != b) out.push_back({std::string(setting), std::move(a), std::move(b)});
}

std::string price_text(const HardwareRequest& hardware) {
    return hardware.usd_per_gpu_hour ? to_string(*hardware.usd_per_gpu_hour) : "of the profile";
}

}  // namespace

std::span<const PlanNumber> plan_numbers() { return kNumbers; }

std::string_view name(NumberUnit unit) { return kUnitNames[static_cast<std::size_t>(unit)]; }

std::string to_string(NumberUnit unit, double value) {
    switch (unit) {
        case NumberUnit::bytes:
            return fmt::format("{:.2f} GiB", in_gib(Bytes{whole(value)}));
        case NumberUnit::seconds:
            return to_string(Seconds{value});
        case NumberUnit::flops:
            return to_string(Flops{value});
        case NumberUnit::usd:
            return to_string(Usd{value});
        case NumberUnit::count:
        case NumberUnit::rate:
            return with_thousands(whole(value));
        case NumberUnit::fraction:
            return fmt::format("{:.1f} %", value * 100.0);
        case NumberUnit::gpu_hours:
            return three_digits(value) + " h";
        case NumberUnit::kwh:
            return three_digits(value) + " kWh";
    }
    throw InternalError("a number without a unit");
}

std::string difference_to_string(NumberUnit unit, double value) {
    if (value == 0.0) return "=";
    return fmt::format("{}{}", value > 0.0 ? '+' : '-', to_string(unit, std::abs(value)));
}

std::vector<SettingDifference> setting_differences(const PlanRequest& a, const PlanRequest& b) {
    std::vector<SettingDifference> out;
    add_difference(out, "model", a.model.name, b.model.name);
    add_difference(out, "gpu", a.hardware.profile.id, b.hardware.profile.id);
    add_difference(out, "gpus", fmt::format("{}", a.hardware.gpus),
                   fmt::format("{}", b.hardware.gpus));
    add_difference(out, "node", a.hardware.profile.node.id, b.hardware.profile.node.id);
    add_difference(out, "usd_per_gpu_hour", price_text(a.hardware), price_text(b.hardware));
    add_difference(out, "engine", a.engine, b.engine);
    for (const auto& each : knobs()) {
        add_difference(out, each.name, to_string(each.get(a)), to_string(each.get(b)));
    }
    return out;
}

Comparison compare(const Plan& a, const Plan& b) {
    Comparison out{.settings = setting_differences(a.request, b.request)};
    for (const auto& each : kNumbers) {
        out.numbers.push_back({each.name, each.unit, each.get(a), each.get(b)});
    }
    return out;
}

Json to_json(const Comparison& comparison) {
    Json settings = Json::array();
    for (const auto& row : comparison.settings) {
        settings.push_back({{"setting", row.setting}, {"a", row.a}, {"b", row.b}});
    }
    Json numbers = Json::array();
    for (const auto& row : comparison.numbers) {
        numbers.push_back({{"name", row.name},
                           {"unit", name(row.unit)},
                           {"a", row.a},
                           {"b", row.b},
                           {"difference", row.difference()}});
    }
    return {{"format", kComparisonFormat}, {"settings", settings}, {"numbers", numbers}};
}

}  // namespace headroom
