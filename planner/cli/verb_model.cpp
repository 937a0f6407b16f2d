#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>

#include "planner/base/json.h"
#include "planner/base/plural.h"
#include "planner/cli/output.h"
#include "planner/cli/profiles.h"
#include "planner/cli/table.h"
#include "planner/cli/verbs.h"
#include "planner/lower/parameter_count.h"
#include "planner/spec/names.h"

namespace headroom::cli {
namespace {

Json parts_json(const ParameterCount& count) {
    Json out = Json::array();
    for (const auto& part : count.parts) {
        out.push_back({{"part", part.part},
                       {"count", part.count},
                       {"tensors", part.layers},
                       {"shape", part.shape}});
    }
    return out;
}

Json model_json(const ModelSource& source, const ParameterCount& count) {
    return {{"format", 1},
            {"origin", source.origin},
            {"model", to_json(*source.spec)},
            {"parameters",
             {{"total", count.total()},
              {"language", count.language},
              {"extra", count.extra},
              {"embedding", count.embedding},
              {"head", count.head},
              {"expert", count.expert},
              {"active", count.active},
              {"multi_token_prediction", prediction_parameters(*source.spec)}}},
            {"stored_parameters", source.stored_parameters},
            {"parts", parts_json(count)},
            {"notes", source.notes}};
}

std::string parts_table(const ParameterCount& count) {
    Table table({Align::left, Align::left, Align::right, Align::right, Align::right});
    table.add({"part", "shape", "tensors", "parameters", "share"});
    for (const auto& part : count.parts) {
        table.add({part.part, part.shape, with_thousands(part.layers), with_thousands(part.count),
                   percent(static_cast<double>(part.count) / static_cast<double>(count.total()))});
    }
    table.add({"total", "", "", with_thousands(count.total()), "100.0 %"});
    return table.text();
}

std::string sizes_table(const ModelSpec& model, const ParameterCount& count) {
    Table table({Align::left, Align::right, Align::left});
    const auto row = [&](const char* what, std::int64_t value, const char* meaning) {
        if (value > 0) table.add({what, with_thousands(value), meaning});
    };
    row("token table", count.embedding, "input embedding");
    row("output matrix", count.head, "not tied to the token table");
    row("experts", count.expert, "routed, all of them");
    row("active", count.active == count.total() ? 0 : count.active, "that one token visits");
    row("beside the model", count.extra, "held by the file, not part of the step (vision tower)");
    row("multi-token prediction", prediction_parameters(model),
        "layers after the last, not counted and not part of a plan");
    table.add({"weights in bf16", to_string(Bytes{count.total() * 2}), "two bytes a parameter"});
    return table.text();
}

std::string model_text(const ModelSource& source, const ParameterCount& count, const Style& style) {
    const auto& spec = *source.spec;
    auto out = style.heading(printable(spec.name)) +
               fmt::format("  {} ({}): {} layer{} of width {}, vocabulary {}\n\n", spec.family,
                           source.origin, spec.layers, plural(spec.layers), spec.hidden,
                           with_thousands(spec.vocab));
    out += parts_table(count) + "\n" + sizes_table(spec, count);
    return out;
}

/// A family without an adapter still has a count, from its tensors.
Answer stored_only(const ModelSource& source) {
    const auto total = source.stored_parameters;
    return {
        .text = fmt::format("{} parameters, counted from stored tensors\n", with_thousands(total)),
        .brief = fmt::format("{}\n", total),
        .document = {{"format", 1},
                     {"origin", source.origin},
                     {"stored_parameters", total},
                     {"notes", source.notes}},
        .notes = source.notes};
}

Answer presets(const Options& options) {
    const auto ids = preset_ids(profiles_root(options.common).path);
    Answer out{.document = {{"format", 1}, {"presets", ids}}};
    for (const auto& id : ids) out.brief += id + "\n";
    out.text = out.brief;
    return out;
}

}  // namespace

void declare_model(CLI::App& app, Options& options) {
    app.add_option("model", options.model,
                   "preset, config.json, .safetensors, its index, a folder, or - for standard "
                   "input; without it the presets are listed")
        ->type_name("MODEL");
}

Answer answer_model(const Options& options, const Style& style) {
    if (options.model.empty()) return presets(options);
    const auto source = load_model(options.model, profiles_root(options.common).path);
    if (!source.spec) return stored_only(source);
    const auto count = count_parameters(*source.spec);
    return {.text = model_text(source, count, style),
            .brief = fmt::format("{}\n", count.total()),
            .document = model_json(source, count),
            .notes = source.notes};
}

}  // namespace headroom::cli
