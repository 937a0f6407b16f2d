#include <fmt/format.h>

#include "planner/base/plural.h"
#include "planner/cli/report.h"
#include "planner/cli/table.h"

namespace headroom::cli {
namespace {

constexpr std::size_t kBarWidth = 20;

void add_part(Table& table, const char* part, Seconds time, Seconds step, const char* what) {
    if (time == Seconds{}) return;
    const double share = time / step;
    table.add({part, to_string(time), percent(share), bar(share, kBarWidth), what});
}

std::string time_table(const CostBreakdown& cost) {
    Table table({Align::left, Align::right, Align::right, Align::left, Align::left});
    add_part(table, "compute", cost.compute, cost.step, "kernels of forward and backward");
    add_part(table, "communication", cost.exposed_communication, cost.step,
             "collectives that nothing hides");
    add_part(table, "bubble", cost.bubble, cost.step, "pipeline stages that wait");
    add_part(table, "transfer", cost.transfer, cost.step, "host and NVMe traffic, not hidden");
    add_part(table, "optimizer", cost.optimizer, cost.step, "the update");
    table.add({"step", to_string(cost.step), "", "",
               fmt::format("{} to {}", to_string(cost.step_low), to_string(cost.step_high))});
    return table.text();
}

std::string price_of_million(const CostBreakdown& cost, std::int64_t gpus) {
    if (cost.tokens_per_second <= 0.0 || cost.price.per_gpu_hour <= Usd{}) return "-";
    const double hours = 1e6 / cost.tokens_per_second / 3600.0;
    const double usd = hours * static_cast<double>(gpus) * cost.price.per_gpu_hour.count();
    return fmt::format("${:.4f}", usd);
}

std::string rates_table(const Plan& plan) {
    const auto& cost = plan.predicted.cost;
    Table table({Align::left, Align::right, Align::left});
    table.add({"tokens a second", rounded(cost.tokens_per_second), "of all GPUs"});
    table.add({"MFU", percent(cost.mfu), "of the dense peak, without recomputation"});
    table.add({"HFU", percent(cost.hfu), "with recomputation"});
    table.add({"a million tokens", price_of_million(cost, plan.request.hardware.gpus),
               cost.price.per_gpu_hour > Usd{}
                   ? fmt::format("at {} a GPU-hour", to_string(cost.price.per_gpu_hour))
                   : "no price is known: give --usd-per-gpu-hour"});
    if (cost.steps == 0) return table.text();
    table.add({"the run", to_string(cost.step * static_cast<double>(cost.steps)),
               fmt::format("{} step{}, {} token{}", with_thousands(cost.steps), plural(cost.steps),
                           with_thousands(plan.request.train.tokens),
                           plural(plan.request.train.tokens))});
    table.add({"", cost.price.per_gpu_hour > Usd{} ? to_string(cost.usd) : "-",
               fmt::format("{} GPU-hours", rounded(cost.gpu_hours))});
    table.add({"", fmt::format("{} kWh", rounded(cost.energy_kwh)), ""});
    return table.text();
}

std::string traffic_table(const Prediction& predicted) {
    if (predicted.traffic.empty()) return {};
    Table table({Align::left, Align::left, Align::right, Align::right, Align::right});
    table.add({"collective", "among", "calls", "GiB sent", "time"});
    for (const auto& row : predicted.traffic) {
        table.add(
            {row.kind, row.axis, with_thousands(row.count), gib(row.sent), to_string(row.time)});
    }
    return fmt::format("\n{}", table.text());
}

}  // namespace

std::string cost_text(const Plan& plan, const Style& style) {
    const auto& cost = plan.predicted.cost;
    auto out = style.heading("Cost") + " of a step\n" + time_table(cost) + "\n" +
               rates_table(plan) + traffic_table(plan.predicted);
    if (!cost.notes.empty()) out += "\n";
    for (const auto& note : cost.notes) out += style.faint(wrapped(note, 2));
    return out;
}

}  // namespace headroom::cli
