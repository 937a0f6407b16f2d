#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "planner/base/json.h"
#include "planner/cli/profiles.h"
#include "planner/cli/table.h"
#include "planner/cli/verbs.h"
#include "planner/plan/calibration.h"

namespace headroom::cli {
namespace {

std::string changes_text(const HardwareProfile& before, const HardwareProfile& after,
                         const Style& style) {
    const Json a = to_json(before);
    const Json b = to_json(after);
    Table table({Align::left, Align::right, Align::right});
    table.add({"", "profile", "measured"});
    for (const auto* key : {"gemm_fraction", "attention_fraction", "attention_backward_fraction",
                            "memory_fraction"}) {
        table.add({key, fmt::format("{:.3f}", a.at(key).get<double>()),
                   fmt::format("{:.3f}", b.at(key).get<double>())});
    }
    table.add(
        {"context", to_string(context_of_program(before)), to_string(context_of_program(after))});
    return style.heading(after.id) + "\n" + table.text();
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
    const auto after = calibrated(plan, measurement_from_json({document, options.other + "#"}));
    const auto& before = plan.request.hardware.profile;
    return {.text = changes_text(before, after, style),
            .brief = fmt::format("{} calibrated\n", after.id),
            .document = to_json(after),
            .notes = version_notes(stored, plan)};
}

}  // namespace headroom::cli
