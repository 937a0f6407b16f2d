#include <CLI/CLI.hpp>

#include <filesystem>

#include "planner/base/json.h"
#include "planner/cli/profiles.h"
#include "planner/cli/verbs.h"

namespace headroom::cli {

void declare_schema(CLI::App& app, Options& options) {
    app.add_option("kind", options.kind, "document that the schema is of")
        ->required()
        ->check(CLI::IsMember({"plan", "request", "hardware", "model", "node", "prices"}));
}

Answer answer_schema(const Options& options, const Style& /*style*/) {
    const auto file =
        profiles_root(options.common).path / "schema" / (options.kind + ".schema.json");
    const auto text = read_text_file(file);
    return {
        .text = text, .brief = text, .document = parse_json(text, file.string()), .saved = text};
}

}  // namespace headroom::cli
