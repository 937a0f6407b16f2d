#include <CLI/CLI.hpp>

#include "planner/cli/option_checks.h"
#include "planner/cli/profiles.h"
#include "planner/cli/report.h"
#include "planner/cli/report_engine.h"
#include "planner/cli/verbs.h"

namespace headroom::cli {

void declare_predict(CLI::App& app, Options& options) {
    app.add_option("request", options.request,
                   "request or plan to predict; its own numbers are not read; - for standard input")
        ->required()
        ->type_name("REQUEST.json");
    app.add_option("--engine", options.plan.engine,
                   "who runs it: headroom, or a framework as hf, fsdp, megatron, deepspeed")
        ->check(not_empty())
        ->type_name("NAME");
}

namespace {

/// What the framework named in the plan makes of it stands first: that is what will run.
void add_forecast(Answer& answer, const Plan& plan, const EngineForecast& expected,
                  const Style& style) {
    answer.text = subject_text(plan.request, style) + "\n" + engine_text(plan, expected, style) +
                  "\n" + settings_text(plan.request, style);
    answer.brief = engine_sentence(expected) + "\n";
    answer.document["engine"] = to_json(expected);
    const bool fits = expected.memory.process <= expected.capacity;
    answer.exit = fits ? Exit::done : Exit::does_not_fit;
}

}  // namespace

Answer answer_predict(const Options& options, const Style& style) {
    const auto library = load_library(options.common);
    auto stored = load_plan(options.request, library);
    if (!options.plan.engine.empty()) stored.request.engine = options.plan.engine;
    const Plan plan = predict(stored.request);
    const bool fits = std::holds_alternative<Fits>(plan.verdict);
    Answer answer{.text = plan_text(plan, style),
                  .brief = verdict_sentence(plan) + "\n",
                  .document = to_json(plan),
                  .notes = version_notes(stored, plan),
                  .exit = fits ? Exit::done : Exit::does_not_fit};
    if (names_framework(plan.request)) {
        const auto timing = load_timing(library.profiles_root);
        add_forecast(answer, plan, forecast(plan.request, timing), style);
    }
    return answer;
}

}  // namespace headroom::cli
