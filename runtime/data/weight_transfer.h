#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "planner/spec/model_spec.h"
#include "planner/step/step_graph.h"
#include "runtime/data/safetensors_reader.h"
#include "runtime/data/weight_names.h"

namespace headroom {

/// Names in the files, to resolve spellings with.
StoredNames stored_names(const WeightFiles& files);

/// Checks that the files hold each source in the shape that the graph needs and as floating-point
/// numbers, and nothing that the model has no place for: buffers, copies of a tied table, parts
/// that the model only counts and layers that this graph leaves to other stages aside. Throws
/// InputError with the file, the tensor, what was expected and what was found.
void check_weights(const std::vector<WeightSource>& sources, const StepGraph& graph,
                   const ModelSpec& model, const WeightFiles& files);
/// Throws InputError for a stored tensor that no source names.
void check_nothing_else(const std::vector<WeightSource>& sources, const WeightFiles& files);

/// Reads a parameter: `out` holds bytes(spec), and spec's dtype is what the numbers are turned
/// into.
void read_weight(const WeightSource& source, const TensorSpec& spec, const AttentionSpec& attention,
                 const WeightFiles& files, std::span<std::byte> out);

/// The bytes of a parameter as they lie in memory, when asked for by its id; used before the next
/// is asked for.
using ParameterBytes = std::function<std::span<const std::byte>(TensorId)>;

/// Writes parameters of floating-point numbers as a file of `stored` numbers under the names and in
/// the layout of their sources.
void write_weights(const std::filesystem::path& path, const std::vector<WeightSource>& sources,
                   const StepGraph& graph, const AttentionSpec& attention, DType stored,
                   const ParameterBytes& bytes_of_parameter);

}  // namespace headroom
