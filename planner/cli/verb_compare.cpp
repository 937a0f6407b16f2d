#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "planner/base/json.h"
#include "planner/cli/output.h"
#include "planner/cli/profiles.h"
#include "planner/cli/report_findings.h"
#include "planner/cli/table.h"
#include "planner/cli/verbs.h"
#include "planner/plan/comparison.h"
#include "planner/plan/findings.h"

namespace headroom::cli {
namespace {

struct ReadPlan {
    Plan plan{};
    std::vector<std::string> notes{};
};

ReadPlan read(const std::string& file, const Library& library) {
    const auto stored = load_plan(file, library, file + "#");
    ReadPlan out{.plan = predict(stored.request)};
    for (const auto& notes : {version_notes(stored, out.plan), engine_notes(out.plan)}) {
        for (const auto& note : notes) out.notes.push_back(fmt::format("{}: {}", file, note));
    }
    return out;
}

std::string settings_text(const Comparison& comparison, const Style& style) {
    if (comparison.settings.empty()) return "The settings are the same.\n";
    Table table({Align::left, Align::left, Align::left});
    table.add({"", "A", "B"});
    for (const auto& row : comparison.settings)
        table.add({row.setting, printable(row.a), printable(row.b)});
    return style.heading("Settings that differ") + "\n" + table.text();
}

/// How much of A the difference is; empty where A has none of it.
std::string share(const NumberRow& row) {
    if (row.a == 0.0 || row.difference() == 0.0) return {};
    return fmt::format("{:+.1f} %", row.difference() / row.a * 100.0);
}

std::string numbers_text(const Comparison& comparison, const Style& style) {
    Table table({Align::left, Align::right, Align::right, Align::right, Align::right});
    table.add({"", "A", "B", "B - A", "of A"});
    for (const auto& row : comparison.numbers) {
        if (row.a == 0.0 && row.b == 0.0) continue;
        table.add({std::string(row.name), to_string(row.unit, row.a), to_string(row.unit, row.b),
                   difference_to_string(row.unit, row.difference()), share(row)});
    }
    return style.heading("Predicted (memory of the worst rank)") + "\n" + table.text();
}

/// A plan and what happened when it was run.
Answer measured(const Options& options, const ReadPlan& a, const Json& document,
                const Style& style) {
    const auto measurement = measurement_from_json({document, options.other + "#"});
    const auto rows = findings(a.plan, measurement);
    Answer out{.text = measurement_text(measurement, style) + "\n" + findings_text(rows, style),
               .brief = findings_brief(rows) + "\n",
               .document = {{"format", 1}, {"findings", to_json(rows)}},
               .notes = a.notes};
    if (any_outside(rows)) out.exit = Exit::outside_tolerance;
    return out;
}

}  // namespace

void declare_compare(CLI::App& app, Options& options) {
    app.add_option("a", options.request, "plan or request")->required()->type_name("A.json");
    app.add_option("b", options.other, "plan, request, or measurement of a run of A")
        ->required()
        ->type_name("B.json");
}

Answer answer_compare(const Options& options, const Style& style) {
    if (options.request == "-" && options.other == "-") {
        throw UsageError("only one of the two can be standard input");
    }
    const auto library = load_library(options.common);
    const auto a = read(options.request, library);
    if (options.other != "-") {
        const Json other = read_json_file(options.other);
        if (is_measurement(other)) return measured(options, a, other, style);
    }
    const auto b = read(options.other, library);
    const auto comparison = compare(a.plan, b.plan);
    Answer out{.text = fmt::format("A = {}\nB = {}\n\n", options.request, options.other) +
                       settings_text(comparison, style) + "\n" + numbers_text(comparison, style),
               .document = to_json(comparison),
               .notes = a.notes};
    out.notes.insert(out.notes.end(), b.notes.begin(), b.notes.end());
    out.brief = fmt::format("{} settings differ\n", comparison.settings.size());
    return out;
}

}  // namespace headroom::cli
