#include "planner/cli/report_findings.h"

#include <fmt/format.h>

#include <cmath>
#include <variant>

#include "planner/cli/table.h"

namespace headroom::cli {
namespace {

/// "=", "+1.2 %" or, for a prediction of nothing, the difference itself.
std::string difference(const Finding& row) {
    if (row.difference() == 0.0) return "=";
    if (row.predicted == 0.0) return difference_to_string(row.unit, row.difference());
    return fmt::format("{:+.1f} %", row.difference() / row.predicted * 100.0);
}

std::string mark(const Finding& row) {
    switch (row.agreement) {
        case Agreement::equal:
            return "equal";
        case Agreement::within:
            return "within";
        case Agreement::outside:
            return "OUTSIDE";
        case Agreement::informative:
            return "";
    }
    return {};
}

/// Bytes that are to be equal are shown to the byte where their GiB would hide it.
std::string number(const Finding& row, double value) {
    if (row.unit == NumberUnit::bytes && row.agreement == Agreement::outside) {
        return with_thousands(static_cast<std::int64_t>(value)) + " B";
    }
    return to_string(row.unit, value);
}

}  // namespace

std::string measurement_text(const Measurement& m, const Style& style) {
    Table table({Align::left, Align::left});
    table.add({"device", m.device});
    table.add({"step", fmt::format("{}, rank {} of {}", m.digest, m.rank, m.ranks)});
    table.add({"data", m.data});
    for (const auto& note : m.notes) table.add({"", note});
    if (!m.steps.empty()) {
        table.add({"loss", fmt::format("{:.4f} in the first step, {:.4f} in the last of {}",
                                       m.steps.front().loss, m.steps.back().loss, m.steps.size())});
    }
    table.add({"speed", fmt::format("{} a step, {:.0f} tokens/s", to_string(m.step),
                                    m.tokens_per_second())});
    table.add(
        {"peak", fmt::format("in {} ({})", m.device_memory.peak_op, m.device_memory.peak_phase)});
    if (!m.flops_method.empty()) table.add({"FLOPs", m.flops_method});
    if (!m.counter_method.empty()) table.add({"counters", m.counter_method});
    return style.heading("Run") + "\n" + table.text();
}

std::string findings_text(const std::vector<Finding>& rows, const Style& style) {
    Table table({Align::left, Align::right, Align::right, Align::right, Align::left, Align::left});
    table.add({"", "predicted", "measured", "difference", "", "reason"});
    std::string group;
    for (const auto& row : rows) {
        if (row.group != group) {
            group = row.group;
            table.add({group});
        }
        table.add({"  " + row.part, number(row, row.predicted), number(row, row.measured),
                   difference(row), mark(row), row.reason});
    }
    return style.heading("Predicted and measured") + "\n" + table.text();
}

std::string findings_brief(const std::vector<Finding>& rows) {
    std::size_t outside = 0;
    std::size_t compared = 0;
    for (const auto& row : rows) {
        if (row.agreement == Agreement::informative) continue;
        ++compared;
        if (row.agreement == Agreement::outside) ++outside;
    }
    if (outside == 0) return fmt::format("all {} compared figures agree", compared);
    return fmt::format("{} of {} compared figures are outside their tolerance", outside, compared);
}

std::string remedies_within(PlanRequest request, Bytes free) {
    request.hardware.profile.memory_capacity = free;
    request.hardware.profile.memory_capacity_low = free;
    const Plan plan = predict(request);
    const auto* shortfall = std::get_if<Shortfall>(&plan.verdict);
    if (shortfall == nullptr) return "what is free lies in pieces, or was taken meanwhile";
    return fmt::format("the plan is short of {}; {} would help", to_string(shortfall->missing),
                       shortfall->remedies.empty()
                           ? "only a smaller model or more memory"
                           : fmt::format("{}", fmt::join(shortfall->remedies, " or ")));
}

}  // namespace headroom::cli
