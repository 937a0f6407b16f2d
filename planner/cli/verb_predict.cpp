#include "planner/cli/profiles.h"
#include "planner/cli/report.h"
#include "planner/cli/verbs.h"

namespace headroom::cli {

void declare_predict(CLI::App& app, Options& options) {
    app.add_option("request", options.request,
                   "request or plan to predict; its own numbers are not read; - for standard input")
        ->required()
        ->type_name("REQUEST.json");
}

Answer answer_predict(const Options& options, const Style& style) {
    const auto stored = load_plan(options.request, load_library(options.common));
    const Plan plan = predict(stored.request);
    const bool fits = std::holds_alternative<Fits>(plan.verdict);
    return {.text = plan_text(plan, style),
            .brief = verdict_sentence(plan) + "\n",
            .document = to_json(plan),
            .notes = version_notes(stored, plan),
            .exit = fits ? Exit::done : Exit::does_not_fit};
}

}  // namespace headroom::cli
