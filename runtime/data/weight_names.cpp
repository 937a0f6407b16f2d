#include "runtime/data/weight_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "planner/base/error.h"
#include "runtime/data/family_names.h"

namespace headroom {
namespace {

constexpr std::string_view kHead = "lm_head";

const FamilyNames& names_of(const ModelSpec& model) {
    if (const auto* names = family_names(model)) return *names;
    throw InputError("", fmt::format("files of the family \"{}\" are not read or written; known "
                                     "are {}",
                                     model.family, fmt::join(families_with_names(), ", ")));
}

/// "attn.q_proj.weight" -> "attn.q_proj" and ".weight".
struct PartName {
    std::string_view module;
    std::string_view field;
};
PartName split(std::string_view part) {
    const auto dot = part.rfind('.');
    return {part.substr(0, dot), part.substr(dot)};
}

/// The row of a module, in a layer or outside the layers; null: the family has none.
const ModuleName* row_of(const FamilyNames& names, std::string_view module, bool in_layer) {
    const auto in = [&](std::span<const ModuleName> list) -> const ModuleName* {
        const auto found = std::ranges::find(list, module, &ModuleName::module);
        return found == list.end() ? nullptr : &*found;
    };
    if (!in_layer) return in(names.outer);
    for (const auto list : names.inner) {
        if (const auto* row = in(list)) return row;
    }
    return nullptr;
}

/// The pattern with an expert's number put in.
std::string with_expert(std::string_view pattern, std::int64_t expert) {
    const auto at = pattern.find("{}");
    if (at == std::string_view::npos) return std::string(pattern);
    return fmt::format("{}{}{}", pattern.substr(0, at), expert, pattern.substr(at + 2));
}

/// Makes the sources of one model's parameters.
class Namer {
public:
    Namer(const ModelSpec& model, const StoredNames& stored)
        : names_(names_of(model)), stored_(stored), prefix_(prefix()) {}

    [[nodiscard]] std::vector<WeightPiece> pieces(const Tensor& parameter) const {
        const auto [module, field] = split(parameter.label.part);
        const ModuleName head{kHead, names_.head};
        if (module == kHead) {
            // A second stage's copy of a tied table has the table's name.
            return parameter.parameter.tied_copy ? named("embed_tokens", field, parameter)
                                                 : whole(head_name(field), head, parameter);
        }
        return named(module, field, parameter);
    }

    /// The whole name of what is called `stored` in a layer or, at -1, outside the layers.
    [[nodiscard]] std::string path(std::string_view stored, std::int64_t layer) const {
        if (layer < 0) return fmt::format("{}{}", prefix_, stored);
        return fmt::format("{}{}{}.{}", prefix_, names_.layers, layer, stored);
    }

private:
    /// The prefix under which the files have the token table.
    [[nodiscard]] std::string_view prefix() const {
        const auto table = row_of(names_, "embed_tokens", false)->stored;
        for (const auto candidate : names_.prefixes) {
            if (stored_.contains(fmt::format("{}{}.weight", candidate, table))) return candidate;
        }
        return names_.prefixes.front();
    }

    /// "lm_head.weight", or as it is called beside the text part of a larger model.
    [[nodiscard]] std::string head_name(std::string_view field) const {
        const auto usual = fmt::format("{}{}", names_.head, field);
        const auto beside = fmt::format("language_model.{}", usual);
        return !stored_.contains(usual) && stored_.contains(beside) ? beside : usual;
    }

    [[nodiscard]] std::vector<WeightPiece> named(std::string_view module, std::string_view field,
                                                 const Tensor& parameter) const {
        const auto layer = parameter.label.layer;
        const ModuleName* row = row_of(names_, module, layer >= 0);
        if (row == nullptr) {
            throw InputError("", fmt::format("files of the family \"{}\" have no {}", names_.family,
                                             to_string(parameter.label)));
        }
        if (parameter.shape.rank() == 3 || row->stored.find("{}") != std::string_view::npos) {
            return experts(*row, field, parameter);
        }
        return whole(path(row->stored, layer) + std::string(field), *row, parameter);
    }

    static std::vector<WeightPiece> whole(std::string name, const ModuleName& row,
                                          const Tensor& parameter) {
        const bool matrix = parameter.shape.rank() == 2;
        const bool alike = row.layout == StoredLayout::transposed && !matrix;
        return {{.tensor = std::move(name),
                 .shape = parameter.shape,
                 .layout = alike ? StoredLayout::plain : row.layout}};
    }

    /// (E, rows, columns): a stored matrix an expert, or two with half of the rows each.
    [[nodiscard]] std::vector<WeightPiece> experts(const ModuleName& row, std::string_view field,
                                                   const Tensor& parameter) const {
        const Shape& shape = parameter.shape;
        const std::int64_t halves = row.second.empty() ? 1 : 2;
        const Shape part{shape[1] / halves, shape[2]};
        std::vector<WeightPiece> out;
        for (std::int64_t i = 0; i < shape[0] * halves; ++i) {
            const auto pattern = i % halves == 0 ? row.stored : row.second;
            const std::string stored = with_expert(pattern, i / halves);
            out.push_back({.tensor = path(stored, parameter.label.layer) + std::string(field),
                           .shape = part,
                           .layout = row.layout,
                           .first = i * numel(part)});
        }
        return out;
    }

    const FamilyNames& names_;
    const StoredNames& stored_;
    std::string_view prefix_;
};

const ModuleName* linear_of(const ModelSpec& model, std::string_view module) {
    return row_of(names_of(model), module, true);
}

}  // namespace

std::vector<WeightSource> weight_sources(const StepGraph& graph, const ModelSpec& model,
                                         const StoredNames& stored, Subject subject) {
    const Namer namer(model, stored);
    std::vector<WeightSource> out;
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        const bool scales = tensor.label.part.starts_with("quant.");
        if (!tensor.parameter.is_parameter || tensor.parameter.adapter || scales) continue;
        if (is_teacher(tensor.label.layer) != (subject == Subject::teacher)) continue;
        Tensor own = tensor;
        own.label.layer = own_layer(tensor.label.layer);
        out.push_back({TensorId{static_cast<std::int32_t>(i)}, namer.pieces(own)});
    }
    return out;
}

std::optional<std::string> stored_module(const ModelSpec& model, std::string_view module) {
    const auto* row = linear_of(model, module);
    if (row == nullptr) return std::nullopt;
    return std::string(row->stored);
}

std::string stored_path(const ModelSpec& model, std::string_view module, std::int64_t layer) {
    const auto* row = linear_of(model, module);
    if (row == nullptr) {
        throw InputError(
            "", fmt::format("files of the family \"{}\" have no {}", model.family, module));
    }
    const StoredNames none;
    return Namer(model, none).path(row->stored, layer);
}

StoredLayout stored_layout(const ModelSpec& model, std::string_view module) {
    const auto* row = linear_of(model, module);
    return row == nullptr ? StoredLayout::plain : row->layout;
}

std::vector<std::string> families_with_names() {
    std::set<std::string> families;
    for (const auto& row : all_family_names()) families.emplace(row.family);
    return {families.begin(), families.end()};
}

}  // namespace headroom
