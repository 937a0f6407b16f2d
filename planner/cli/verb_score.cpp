#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>

#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "planner/cli/profiles.h"
#include "planner/cli/report_engine.h"
#include "planner/cli/verbs.h"
#include "planner/score/score_page.h"

namespace headroom::cli {
namespace {

/// The rows asked for: usually those whose every input is given.
Json chosen_rows(const Options& options) {
    const Json document = read_json_file(options.request);
    if (!document.is_array()) JsonCursor(document, "").fail("must be an array of rows");
    Json chosen = Json::array();
    for (const auto& row : document) {
        const auto text = [&](const char* key) {
            const auto found = row.is_object() ? row.find(key) : row.end();
            return row.is_object() && found != row.end() && found->is_string()
                       ? found->get<std::string>()
                       : std::string();
        };
        const bool group = options.score.group.empty() || text("group") == options.score.group;
        const bool complete = options.score.all || text("quality") != "partial";
        if (group && complete) chosen.push_back(row);
    }
    if (chosen.empty()) {
        throw InputError(options.request, options.score.group.empty()
                                              ? std::string("holds no rows")
                                              : fmt::format("holds no rows of the group \"{}\"",
                                                            options.score.group));
    }
    return chosen;
}

std::string summary_line(const Score& score) {
    const auto& s = score.summary;
    return fmt::format("memory: median {:.1f} % of {} rows; time: median {:.1f} % of {} rows\n",
                       100.0 * s.memory.median, s.memory.rows, 100.0 * s.time.median, s.time.rows);
}

void write_plots(const Score& score, const std::filesystem::path& folder) {
    write_file_atomically(folder / "accuracy-memory.svg", score_plot(score, Plotted::memory));
    write_file_atomically(folder / "accuracy-time.svg", score_plot(score, Plotted::time));
}

}  // namespace

void declare_score(CLI::App& app, Options& options) {
    app.add_option("measured", options.request,
                   "published measurements, an array of rows; - for standard input")
        ->required()
        ->type_name("MEASURED.json");
    app.add_option("--group", options.score.group, "only the rows of this source");
    app.add_flag("--all", options.score.all, "rows of which inputs are missing as well");
    auto* fit = app.add_flag("--fit", options.score.fit,
                             "fit the timing profile to these rows; -o names the file for it");
    app.add_flag("--markdown", options.markdown, "as the page docs/accuracy.md")->excludes(fit);
    app.add_option("--plots", options.score.plots, "folder for accuracy-memory.svg and -time.svg")
        ->type_name("DIR")
        ->excludes(fit);
}

Answer answer_score(const Options& options, const Style& /*style*/) {
    const Library library = load_library(options.common);
    const Json document = chosen_rows(options);
    const auto rows =
        measured_rows(JsonCursor(document, ""), shipped_inputs(library.profiles_root));
    ScoredRows worked = work_out(rows, library);
    if (options.score.fit) {
        const Json profile = to_json(fit_profile(worked));
        return {.text = profile.dump(2) + "\n", .brief = "", .document = profile};
    }
    const TimingProfile timing = load_timing(library.profiles_root);
    Score result = score(std::move(worked), timing);
    result.run_totals = run_totals(rows, library, timing);
    if (!options.score.plots.empty()) write_plots(result, options.score.plots);
    if (options.markdown) {
        const std::string page = score_page(result);
        return {.text = page, .brief = page, .document = to_json(result), .saved = page};
    }
    return {.text = score_text(result), .brief = summary_line(result), .document = to_json(result)};
}

}  // namespace headroom::cli
