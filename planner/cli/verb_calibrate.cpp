#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "planner/base/json.h"
#include "planner/cli/profiles.h"
#include "planner/cli/table.h"
#include "planner/cli/verbs.h"
#include "planner/plan/calibration.h"

namespace headroom::cli {
namespace {

const MeasuredFigure* figure(const Calibration& made, const std::string& key) {
    const auto found = std::ranges::find(made.figures, key, &MeasuredFigure::key);
    return found == made.figures.end() ? nullptr : &*found;
}

/// What the run says nothing about has no measured value.
std::string changes_text(const HardwareProfile& before, const Calibration& made,
                         const Style& style) {
    const Json profile = to_json(before);
    Table table({Align::left, Align::right, Align::right});
    table.add({"", "profile", "measured"});
    for (const auto* key : {"gemm_fraction", "attention_fraction", "attention_backward_fraction",
                            "memory_fraction"}) {
        const auto* const measured = figure(made, key);
        table.add({key, fmt::format("{:.3f}", profile.at(key).get<double>()),
                   measured == nullptr ? "-" : fmt::format("{:.3f}", measured->found)});
    }
    const bool has_context = figure(made, "own_context_mib") != nullptr;
    table.add({"context", to_string(context_of_program(before)),
               has_context ? to_string(context_of_program(made.profile)) : "-"});
    return style.heading(made.profile.id) + "\n" + table.text();
}

/// Figures that a profile cannot hold as they were measured.
std::vector<std::string> limit_notes(const Calibration& made) {
    std::vector<std::string> out;
    for (const auto& [key, found, kept] : made.figures) {
        if (found == kept) continue;
        out.push_back(fmt::format("{} was measured as {:.3f}, the profile holds its limit {}", key,
                                  found, kept));
    }
    return out;
}

}  // namespace

void declare_calibrate(CLI::App& app, Options& options) {
    app.add_option("plan", options.request, "plan that was run")
        ->required()
        ->type_name("PLAN.json");
    app.add_option("measurement", options.other, "what headroom run measured")
        ->required()
        ->type_name("MEASUREMENT.json");
}

Answer answer_calibrate(const Options& options, const Style& style) {
    const auto stored = load_plan(options.request, load_library(options.common));
    const Plan plan = predict(stored.request);
    const Json document = read_json_file(options.other);
    const auto made = calibration(plan, measurement_from_json({document, options.other + "#"}));
    Answer out{.text = changes_text(plan.request.hardware.profile, made, style),
               .brief = fmt::format("{} calibrated\n", made.profile.id),
               .document = to_json(made.profile),
               .notes = version_notes(stored, plan)};
    const auto limits = limit_notes(made);
    out.notes.insert(out.notes.end(), limits.begin(), limits.end());
    return out;
}

}  // namespace headroom::cli
