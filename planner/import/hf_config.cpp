#include "planner/import/hf_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "planner/base/json.h"
#include "planner/import/family.h"
#include "planner/import/model_source.h"
#include "planner/import/run_notes.h"

namespace headroom {
namespace {

using FamilyGroup = std::span<const FamilyRow> (*)();

constexpr std::array<FamilyGroup, 7> kGroups{llama_families, gemma_families,    moe_families,
                                             gpt_families,   deepseek_families, bert_families,
                                             t5_families};

constexpr std::array<std::string_view, 6> kShapeKeys{"vocab_size",          "hidden_size",
                                                     "num_hidden_layers",   "num_attention_heads",
                                                     "num_key_value_heads", "intermediate_size"};

/// Endings of `architectures` whose head the step computes.
constexpr std::array<std::string_view, 4> kModelledHeads{"ForCausalLM", "LMHeadModel",
                                                         "ForConditionalGeneration", "Model"};

bool ends_with_any(const std::string& text, std::span<const std::string_view> endings) {
    return std::ranges::any_of(endings, [&](auto ending) { return text.ends_with(ending); });
}

const FamilyRow& family_of(const JsonCursor& config) {
    const auto type = config.at("model_type");
    if (const auto* row = find_family(type.string())) return *row;
    const auto close = nearest(type.string(), known_families(), 3);
    type.fail(
        fmt::format("model_type {} has no adapter (nearest: {}); give its .safetensors file for an "
                    "exact count, "
                    "or an inline object with \"format\": \"headroom-model\"",
                    quoted(type.value()), fmt::join(close, ", ")));
}

void note_defaults(const ConfigKeys& keys, std::vector<std::string>& notes) {
    std::vector<std::string> absent;
    for (const auto key : kShapeKeys) {
        if (!keys.has(key)) absent.emplace_back(key);
    }
    if (absent.empty()) return;
    notes.push_back(
        fmt::format("{} not given: the family's class default is used", fmt::join(absent, ", ")));
}

void note_head(const JsonCursor& config, std::vector<std::string>& notes) {
    const auto names = config.find("architectures");
    if (!names || !names->is_array() || names->value().empty()) return;
    const auto& first = names->value().front();
    if (!first.is_string() || ends_with_any(first.get<std::string>(), kModelledHeads)) return;
    notes.push_back(fmt::format("the head of {} is not counted, the language model's is",
                                first.get<std::string>()));
}

}  // namespace

const FamilyRow* find_family(std::string_view name) {
    for (const auto group : kGroups) {
        for (const auto& row : group()) {
            if (row.name == name) return &row;
        }
    }
    return nullptr;
}

std::vector<std::string> known_families() {
    std::vector<std::string> names;
    for (const auto group : kGroups) {
        for (const auto& row : group()) names.emplace_back(row.name);
    }
    std::ranges::sort(names);
    return names;
}

bool is_inline_model(const JsonCursor& document) {
    const auto format = document.find("format");
    return format && format->is_string() && format->string() == "headroom-model";
}

ModelSpec model_from_hf_config(const JsonCursor& config, const std::string& name) {
    if (is_inline_model(config)) {
        auto spec = model_spec_from_json(config);
        if (spec.name.empty()) spec.name = name;
        return spec;
    }
    const auto& family = family_of(config);
    auto spec = family.build(ConfigKeys(config), family.defaults);
    spec.family = family.name;
    spec.name = name.empty() ? spec.family : name;
    validate(spec, config.pointer() == "/" ? "" : config.pointer());
    return spec;
}

std::vector<std::string> config_notes(const JsonCursor& config, const ModelSpec& spec) {
    std::vector<std::string> notes;
    if (is_inline_model(config)) return notes;
    const ConfigKeys keys(config);
    note_defaults(keys, notes);
    note_head(config, notes);
    if (const auto quantised = config.find("quantization_config")) {
        const auto method = quantised->is_object() ? quantised->find("quant_method") : std::nullopt;
        notes.push_back(
            fmt::format("the stored weights are quantised ({}); sizes are those of the "
                        "unpacked model",
                        method && method->is_string() ? method->string() : "unnamed"));
    }
    if (config.find("auto_map")) {
        notes.emplace_back("the config points to its own code, which may differ from the family");
    }
    if (keys.root().find("vision_config")) {
        notes.emplace_back("the vision part is counted as frozen extra parameters, not computed");
    }
    const auto run = run_notes(config, spec);
    notes.insert(notes.end(), run.begin(), run.end());
    return notes;
}

}  // namespace headroom
