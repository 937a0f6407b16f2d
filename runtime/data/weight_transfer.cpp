#include "runtime/data/weight_transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string_view>

#include "planner/base/error.h"
#include "planner/base/json.h"
#include "runtime/data/convert.h"
#include "runtime/data/family_names.h"
#include "runtime/data/safetensors_writer.h"
#include "runtime/data/stored_order.h"

namespace headroom {
namespace {

/// Endings of stored tensors that no step reads: tables and masks that follow from the config.
constexpr std::array<std::string_view, 7> kBuffers{".inv_freq",
                                                   ".attn.bias",
                                                   ".attn.masked_bias",
                                                   ".attention.bias",
                                                   ".attention.masked_bias",
                                                   ".position_ids",
                                                   ".rotary_emb.cos_cached"};

bool is_buffer(std::string_view name) {
    return std::ranges::any_of(kBuffers, [&](auto ending) { return name.ends_with(ending); });
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
    return fmt::format("({})", fmt::join(shape, ", "));
}

void check_piece(const WeightPiece& piece, const Tensor& parameter, const WeightFiles& files) {
    const auto* found = files.find(piece.tensor);
    const auto tensor = quoted(Json(piece.tensor));
    if (found == nullptr) {
        throw InputError(files.name(), fmt::format("lacks {}, which holds {}", tensor,
                                                   to_string(parameter.label)));
    }
    const auto& file = found->file->name();
    const auto expected = stored_shape(piece);
    if (found->tensor->shape != expected) {
        throw InputError(file, fmt::format("{} has the shape {}, the model needs {}", tensor,
                                           shape_text(found->tensor->shape), shape_text(expected)));
    }
    const auto dtype = dtype_stored_as(found->tensor->dtype);
    if (!dtype || !is_converted(*dtype)) {
        throw InputError(file, fmt::format("{} is stored as {}; weights are read from F64, F32, "
                                           "F16 and BF16",
                                           tensor, found->tensor->dtype));
    }
}

/// The layer in "model.layers.12.mlp…" when it begins with `prefix`, else -1.
std::int64_t layer_in(std::string_view name, std::string_view prefix) {
    if (!name.starts_with(prefix)) return -1;
    name.remove_prefix(prefix.size());
    std::int64_t layer = -1;
    const auto result = std::from_chars(name.data(), name.data() + name.size(), layer);
    return result.ec == std::errc{} ? layer : -1;
}

/// What the graph has: its layers, and whether the first and the last stage's parts are in it.
struct Held {
    std::set<std::int64_t> layers{};
    bool head = false;
    bool table = false;
};

Held held_by(const std::vector<WeightSource>& sources, const StepGraph& graph) {
    Held held;
    for (const auto& source : sources) {
        const auto& label = graph[source.parameter].label;
        if (const auto layer = own_layer(label.layer); layer >= 0) held.layers.insert(layer);
        held.head |= label.part == "final_norm.weight" || label.part == "lm_head.weight";
        held.table |= label.part == "embed_tokens.weight";
    }
    return held;
}

/// Decides about stored tensors that no source names.
class Leftovers {
public:
    Leftovers(const std::vector<WeightSource>& sources, const StepGraph& graph,
              const ModelSpec& model)
        : model_(model), names_(*family_names(model)), held_(held_by(sources, graph)) {
        for (const auto& source : sources) {
            for (const auto& piece : source.pieces) wanted_.insert(piece.tensor);
        }
    }

    [[nodiscard]] bool is_welcome(const std::string& name) const {
        if (wanted_.contains(name) || is_buffer(name)) return true;
        const auto layer = layer_of(name);
        // Another stage's, or a block that predicts tokens further ahead.
        if (layer >= model_.layers) return model_.mtp_layers > 0;
        if (layer >= 0) return !held_.layers.contains(layer);
        if (!held_.table || !held_.head) return true;
        const auto head = fmt::format("{}.weight", names_.head);
        if (model_.tied_embeddings && name.ends_with(head)) return true;
        return !model_.extra.empty() && !is_text(name);
    }

private:
    [[nodiscard]] std::int64_t layer_of(const std::string& name) const {
        std::int64_t layer = -1;
        for (const auto prefix : names_.prefixes) {
            layer = std::max(layer, layer_in(name, fmt::format("{}{}", prefix, names_.layers)));
        }
        return layer;
    }

    /// Whether a name lies where the language model's do.
    [[nodiscard]] static bool is_text(std::string_view name) {
        return name.find("vision") == std::string_view::npos &&
               name.find("projector") == std::string_view::npos;
    }

    const ModelSpec& model_;
    const FamilyNames& names_;
    Held held_;
    std::set<std::string> wanted_{};
};

std::span<std::byte> part_of(std::span<std::byte> parameter, const WeightPiece& piece,
                             DType dtype) {
    return parameter.subspan(static_cast<std::size_t>(bytes_of(piece.first, dtype)),
                             static_cast<std::size_t>(bytes_of(numel(piece.shape), dtype)));
}

/// A piece in the order of its file, as numbers of `stored`.
std::vector<std::byte> stored_piece(const WeightPiece& piece, const AttentionSpec& attention,
                                    std::span<const std::byte> parameter, DType ours,
                                    DType stored) {
    const auto count = numel(piece.shape);
    const auto from = parameter.subspan(static_cast<std::size_t>(bytes_of(piece.first, ours)),
                                        static_cast<std::size_t>(bytes_of(count, ours)));
    std::vector<std::byte> ordered(from.size());
    to_stored_order(piece, attention, static_cast<std::size_t>(bytes_of(1, ours)), from, ordered);
    std::vector<std::byte> out(static_cast<std::size_t>(bytes_of(count, stored)));
    convert(ordered, ours, out, stored);
    return out;
}

}  // namespace

StoredNames stored_names(const WeightFiles& files) {
    StoredNames names;
    for (const auto& [name, weight] : files.all()) names.insert(name);
    return names;
}

void check_weights(const std::vector<WeightSource>& sources, const StepGraph& graph,
                   const ModelSpec& model, const WeightFiles& files) {
    for (const auto& source : sources) {
        for (const auto& piece : source.pieces) check_piece(piece, graph[source.parameter], files);
    }
    const Leftovers leftovers(sources, graph, model);
    for (const auto& [name, weight] : files.all()) {
        if (leftovers.is_welcome(name)) continue;
        throw InputError(
            weight.file->name(),
            fmt::format("holds {} {}, which a {} of {} layers has no place for", quoted(Json(name)),
                        shape_text(weight.tensor->shape), model.family, model.layers));
    }
}

void check_nothing_else(const std::vector<WeightSource>& sources, const WeightFiles& files) {
    std::set<std::string> wanted;
    for (const auto& source : sources) {
        for (const auto& piece : source.pieces) wanted.insert(piece.tensor);
    }
    for (const auto& [name, weight] : files.all()) {
        if (wanted.contains(name)) continue;
        throw InputError(
            weight.file->name(),
            fmt::format("holds {}, which the plan has no place for", quoted(Json(name))));
    }
}

void read_weight(const WeightSource& source, const TensorSpec& spec, const AttentionSpec& attention,
                 const WeightFiles& files, std::span<std::byte> out) {
    for (const auto& piece : source.pieces) {
        const StoredWeight* found = files.find(piece.tensor);
        if (found == nullptr) {
            throw InputError(files.name(), fmt::format("lacks {}", quoted(Json(piece.tensor))));
        }
        const auto stored = found->file->bytes(*found->tensor);
        const DType dtype = *dtype_stored_as(found->tensor->dtype);
        const auto part = part_of(out, piece, spec.dtype);
        if (piece.layout == StoredLayout::plain) {
            convert(stored, dtype, part, spec.dtype);
            continue;
        }
        std::vector<std::byte> ordered(part.size());
        convert(stored, dtype, ordered, spec.dtype);
        from_stored_order(piece, attention, static_cast<std::size_t>(bytes_of(1, spec.dtype)),
                          ordered, part);
    }
}

void write_weights(const std::filesystem::path& path, const std::vector<WeightSource>& sources,
                   const StepGraph& graph, const AttentionSpec& attention, DType stored,
                   const ParameterBytes& bytes_of_parameter) {
    std::vector<TensorEntry> entries;
    for (const auto& source : sources) {
        for (const auto& piece : source.pieces) {
            entries.push_back(
                {.name = piece.tensor, .dtype = stored, .shape = stored_shape(piece)});
        }
    }
    SafetensorsWriter writer(path, entries);
    for (const auto& source : sources) {
        const auto bytes = bytes_of_parameter(source.parameter);
        for (const auto& piece : source.pieces) {
            writer.write(
                stored_piece(piece, attention, bytes, graph[source.parameter].dtype, stored));
        }
    }
    writer.finish();
}

}  // namespace headroom
