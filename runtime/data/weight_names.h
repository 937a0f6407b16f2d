#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "planner/spec/model_spec.h"
#include "planner/step/step_graph.h"

namespace headroom {

/// How a file lays out what we hold as (rows, columns): alike; transposed; or, of a fused query,
/// key and value, with the rows of each key/value head's group together.
enum class StoredLayout { plain, transposed, grouped };

/// A stored tensor and the part of a parameter that it fills.
struct WeightPiece {
    std::string tensor{};
    Shape shape{};  ///< as we hold it
    StoredLayout layout = StoredLayout::plain;
    std::int64_t first = 0;  ///< element of the parameter that the piece begins at
    bool operator==(const WeightPiece&) const = default;
};

/// Where a parameter of a graph comes from: one piece, or two an expert.
struct WeightSource {
    TensorId parameter{};
    std::vector<WeightPiece> pieces{};
};

/// Tensors that are in a file; empty: a file that is going to be written.
using StoredNames = std::set<std::string, std::less<>>;

/// Sources of the base model's parameters, or of the teacher's, in the graph's order: how the
/// model's family names them in Hugging Face's files. A prefix that files have or lack is as in
/// `stored`, else the usual one. Quantized scales have no source. Throws InputError when the
/// family's files are not known.
std::vector<WeightSource> weight_sources(const StepGraph& graph, const ModelSpec& model,
                                         const StoredNames& stored = {},
                                         Subject subject = Subject::student);

/// The module that a linear layer's file name has, below its layer: "attn.q_proj" ->
/// "self_attn.q_proj"; nothing when the family has no such layer.
std::optional<std::string> stored_module(const ModelSpec& model, std::string_view module);
/// The whole name of a layer's module: "model.layers.3.self_attn.q_proj".
std::string stored_path(const ModelSpec& model, std::string_view module, std::int64_t layer);
/// How files lay out the weight of a linear layer.
StoredLayout stored_layout(const ModelSpec& model, std::string_view module);

/// Families whose files are known, sorted.
std::vector<std::string> families_with_names();

}  // namespace headroom
