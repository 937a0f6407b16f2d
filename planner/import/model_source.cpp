#include "planner/import/model_source.h"

#include <fmt/format.h>

#include <array>

#include "planner/base/json.h"
#include "planner/import/config_keys.h"
#include "planner/import/family.h"
#include "planner/import/hf_config.h"
#include "planner/import/model_files.h"
#include "planner/import/run_notes.h"
#include "planner/import/stored_parameters.h"
#include "planner/import/tensor_shapes.h"

namespace headroom {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kDirectoryFiles{"model.safetensors.index.json",
                                                          "model.safetensors", "config.json"};

void append(std::vector<std::string>& notes, const std::vector<std::string>& more) {
    notes.insert(notes.end(), more.begin(), more.end());
}

ModelDocument read_document(const fs::path& file) {
    const auto source = file == "-" ? std::string("standard input") : file.string();
    return {.json = read_json_file(file), .origin = source + "#"};
}

std::optional<ModelDocument> config_in(const fs::path& folder) {
    const auto config = folder / "config.json";
    std::error_code ignored;
    if (!fs::is_regular_file(config, ignored)) return std::nullopt;
    return read_document(config);
}

/// "…/Llama-3/model.safetensors" is called Llama-3: the folder says more than the file.
std::string name_of(const fs::path& file) {
    const auto folder = fs::absolute(file).parent_path().filename().string();
    const auto stem = file.stem().string();
    const bool generic = stem == "config" || stem == "model" || stem == "model.safetensors.index";
    return generic && !folder.empty() ? folder : stem;
}

/// What `headroom model` writes holds the model beside what was counted.
ModelSource from_counted(const JsonCursor& document, const JsonCursor& model,
                         const std::string& name) {
    document.only(
        {"format", "origin", "model", "parameters", "stored_parameters", "parts", "notes"});
    ModelSource source{.origin = "inline", .spec = model_from_hf_config(model, name)};
    if (const auto notes = document.find("notes")) {
        for (const auto& note : notes->elements()) source.notes.push_back(note.string());
    }
    return source;
}

/// `folder` is where the document lies, nothing for standard input.
ModelSource from_document(const ModelDocument& document, const std::optional<fs::path>& folder,
                          const std::string& name) {
    const auto cursor = document.cursor();
    if (!cursor.is_object()) cursor.fail("must be an object, is " + quoted(document.json));
    if (is_shard_index(cursor)) {
        const auto config = folder ? config_in(*folder) : std::nullopt;
        return model_from_index(cursor, folder, config, name);
    }
    const auto model = cursor.find("model");
    if (model && model->is_object() && is_inline_model(*model)) {
        return from_counted(cursor, *model, name);
    }
    ModelSource source;
    source.origin = is_inline_model(cursor) ? "inline" : "config.json";
    source.spec = model_from_hf_config(cursor, name);
    source.notes = config_notes(cursor, *source.spec);
    return source;
}

ModelSource from_file(const fs::path& file) {
    if (file.extension() == ".safetensors") {
        auto source = model_from_tensors(read_safetensors_header(file),
                                         config_in(file.parent_path()), name_of(file));
        source.origin = "safetensors";
        return source;
    }
    return from_document(read_document(file), file.parent_path(), name_of(file));
}

ModelSource from_directory(const fs::path& folder) {
    for (const auto name : kDirectoryFiles) {
        std::error_code ignored;
        if (fs::is_regular_file(folder / name, ignored)) return from_file(folder / name);
    }
    throw InputError(folder.string(),
                     fmt::format("holds none of {}", fmt::join(kDirectoryFiles, ", ")));
}

ModelSource from_preset(const fs::path& profiles_root, const std::string& id) {
    const auto file = preset_file(profiles_root, id);
    const auto document = read_document(file);
    const auto cursor = document.cursor();
    if (cursor.at("id").string() != id) {
        cursor.at("id").fail(fmt::format("is {}, but the file is called {}",
                                         quoted(cursor.at("id").value()),
                                         file.filename().string()));
    }
    ModelSource source;
    source.origin = "preset";
    const auto config = cursor.at("config");
    source.spec = model_from_hf_config(config, id);
    // A preset keeps the sizes of a config; the class default would be a limit nobody stated.
    const bool stated = ConfigKeys(config).has("max_position_embeddings");
    if (!stated && source.spec->position != PositionKind::learned) source.spec->max_positions = 0;
    if (const auto note = cursor.find("note")) source.notes.push_back(note->string());
    append(source.notes, run_notes(config, *source.spec));
    return source;
}

}  // namespace

std::optional<ModelSpec> spec_beside(const std::optional<ModelDocument>& config,
                                     const std::string& name, std::vector<std::string>& notes) {
    if (!config) return std::nullopt;
    const auto cursor = config->cursor();
    const auto type = cursor.find("model_type");
    if (!is_inline_model(cursor) && type && find_family(type->string()) == nullptr) {
        notes.push_back(fmt::format("model_type {} has no adapter", quoted(type->value())));
        return std::nullopt;
    }
    auto spec = model_from_hf_config(cursor, name);
    append(notes, config_notes(cursor, spec));
    return spec;
}

ModelSource model_from_tensors(const std::vector<StoredTensor>& tensors,
                               const std::optional<ModelDocument>& config,
                               const std::string& name) {
    ModelSource source;
    source.stored_parameters = count_stored_parameters(tensors);
    source.spec = spec_beside(config, name, source.notes);
    if (source.spec) {
        append(source.notes, disagreements(*source.spec, tensors));
    } else {
        source.spec = spec_from_tensors(tensors, name, source.notes);
    }
    if (source.spec) {
        source.stored_parameters -= surplus_parameters(tensors, *source.spec, source.notes);
    } else {
        source.notes.emplace_back(
            "the tensors are not those of a llama-shaped decoder: only their count is known");
    }
    return source;
}

ModelSource load_model(const std::string& name_or_path, const fs::path& profiles_root) {
    if (name_or_path == "-") return from_document(read_document("-"), std::nullopt, "stdin");
    const auto ids = preset_ids(profiles_root);
    if (const auto id = find_preset(name_or_path, ids)) return from_preset(profiles_root, *id);
    std::error_code ignored;
    if (fs::is_directory(name_or_path, ignored)) return from_directory(name_or_path);
    if (fs::exists(name_or_path, ignored)) return from_file(name_or_path);
    throw InputError("", fmt::format("\"{}\" is neither a file nor a model preset; the nearest "
                                     "presets are {}",
                                     name_or_path, fmt::join(nearest(name_or_path, ids), ", ")));
}

}  // namespace headroom
