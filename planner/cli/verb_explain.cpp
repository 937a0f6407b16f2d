#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <vector>

#include "planner/base/json.h"
#include "planner/cli/profiles.h"
#include "planner/cli/report.h"
#include "planner/cli/table.h"
#include "planner/cli/verbs.h"
#include "planner/plan/explain.h"

namespace headroom::cli {
namespace {

constexpr std::size_t kItemsShown = 4;
constexpr std::size_t kChartRows = 5;

void add_items(Table& table, const PeakCategory& category) {
    const auto shown = std::min(category.items.size(), kItemsShown);
    Bytes rest = category.bytes;
    for (std::size_t i = 0; i < shown; ++i) {
        const auto& item = category.items[i];
        rest -= item.bytes;
        table.add({"", gib(item.bytes),
                   fmt::format("{} x {} {} {}", with_thousands(item.count), item.part, item.shape,
                               item.dtype)});
    }
    const auto left = category.items.size() - shown;
    if (left > 0) table.add({"", gib(rest), fmt::format("{} more kinds", left)});
}

std::string why_text(const Plan& plan, const Explanation& explanation, const Style& style) {
    const auto& rank = plan.predicted.worst_rank();
    Table table({Align::left, Align::right, Align::left});
    for (const auto& category : explanation.categories) {
        table.add({style.heading(category.name), style.heading(gib(category.bytes)),
                   style.faint(meaning(category.name))});
        add_items(table, category);
    }
    table.add({style.heading("total"), style.heading(gib(rank.device.total())),
               fmt::format("of {} GiB", gib(plan.predicted.capacity))});
    return style.heading("What is alive at the peak") + " (GiB: count x tensor, shape, dtype)\n" +
           table.text();
}

/// The phases under the columns that they take: "forward    backward      update".
std::string phase_ruler(const std::vector<TimelinePoint>& timeline) {
    std::string out;
    std::size_t begin = 0;
    while (begin < timeline.size()) {
        std::size_t end = begin;
        while (end < timeline.size() && timeline[end].phase == timeline[begin].phase) ++end;
        auto word = "|" + std::string(name(timeline[begin].phase));
        word.resize(end - begin, ' ');
        out += word;
        begin = end;
    }
    return out;
}

std::string timeline_text(const Explanation& explanation, const Style& style) {
    const auto& timeline = explanation.timeline;
    if (timeline.empty()) return {};
    std::vector<double> values;
    for (const auto& point : timeline) values.push_back(point.bytes.real());
    const auto [low, high] = std::ranges::minmax_element(timeline, {}, &TimelinePoint::bytes);
    Table table({Align::right, Align::left});
    const auto rows = column_chart(values, kChartRows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto* label = i == 0 ? &*high : &*low;
        const bool labelled = i == 0 || i + 1 == rows.size();
        table.add({labelled ? gib(label->bytes) + " GiB" : "", rows[i]});
    }
    table.add({"", phase_ruler(timeline)});
    return style.heading("Memory over a step") +
           " (tensors of one micro-batch and of the update, op by op)\n" + table.text();
}

std::string setting_text(const Dial& dial) {
    if (dial.knob == "gpus") return fmt::format("--gpus {}", dial.to);
    return fmt::format("--pin {}={}", dial.knob, dial.to);
}

std::string dials_text(const Explanation& explanation, const Style& style) {
    Table table({Align::left, Align::left, Align::right, Align::right, Align::right, Align::left});
    table.add({"setting", "now", "GiB a GPU", "time a step", "tokens/s", ""});
    for (const auto& dial : explanation.dials) {
        table.add({setting_text(dial), dial.from, signed_gib(dial.memory_change),
                   signed_time(dial.step_change),
                   fmt::format("{:+.1f} %", (dial.speed - 1.0) * 100.0),
                   dial.fits ? "" : style.bad("does not fit")});
    }
    return style.heading("What each setting buys") +
           " (one step up or down, the batch kept where it can be)\n" + table.text();
}

std::string peak_sentence(const RankMemory& rank) {
    const auto layer =
        rank.peak_layer < 0 ? std::string() : fmt::format(", layer {}", rank.peak_layer);
    return fmt::format("peak of {} GiB in the {} pass{}, stage {}: {}", gib(rank.device.total()),
                       name(rank.peak_phase), layer, rank.stage, rank.peak_op);
}

}  // namespace

void declare_explain(CLI::App& app, Options& options) {
    app.add_option("plan", options.request, "plan or request; - for standard input")
        ->required()
        ->type_name("PLAN.json");
}

Answer answer_explain(const Options& options, const Style& style) {
    const auto stored = load_plan(options.request, load_library(options.common));
    const Plan plan = predict(stored.request);
    const auto explanation = explain(plan);
    const auto sentence = peak_sentence(plan.predicted.worst_rank());
    Json document = to_json(explanation);
    document["format"] = 1;
    document["plan"] = to_json(plan);
    auto notes = version_notes(stored, plan);
    for (auto& note : engine_notes(plan)) notes.push_back(std::move(note));
    return {.text = subject_text(plan.request, style) + "\n" + verdict_text(plan, style) +
                    "\nThe " + sentence + ".\n\n" + why_text(plan, explanation, style) + "\n" +
                    timeline_text(explanation, style) + "\n" + dials_text(explanation, style),
            .brief = sentence + "\n",
            .document = std::move(document),
            .notes = notes};
}

}  // namespace headroom::cli
