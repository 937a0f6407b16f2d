#include <CLI/CLI.hpp>

#include "planner/cli/claims.h"
#include "planner/cli/profiles.h"
#include "planner/cli/verbs.h"

namespace headroom::cli {

void declare_claims(CLI::App& app, Options& options) {
    app.add_flag("--markdown", options.markdown, "as a Markdown table");
}

Answer answer_claims(const Options& options, const Style& /*style*/) {
    const Library library = load_library(options.common);
    const auto text = claims_text(library, options.markdown);
    return {.text = text,
            .brief = text,
            .document = claims_json(library),
            .saved = options.common.json ? std::nullopt : std::optional(text)};
}

}  // namespace headroom::cli
