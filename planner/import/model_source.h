#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "planner/base/dtype.h"
#include "planner/base/json.h"
#include "planner/spec/model_spec.h"

namespace headroom {

/// What was read about a model, and from where.
struct ModelSource {
    std::string origin{};             ///< "preset", "config.json", "safetensors", "index", "inline"
    std::optional<ModelSpec> spec{};  ///< absent: only counts are known (unknown family)
    std::int64_t stored_parameters = 0;  ///< counted from a safetensors header; 0: not known
    std::vector<std::string> notes{};    ///< what was assumed, one sentence each
};

/// A preset id (case ignored), or a path: config.json, a .safetensors file, a
/// model.safetensors.index.json, or a directory that holds one of them. "-" is standard input.
/// Throws InputError with the nearest preset names.
ModelSource load_model(const std::string& name_or_path, const std::filesystem::path& profiles_root);

/// A Hugging Face config (or an inline "format": "headroom-model" object) as a ModelSpec. Throws
/// InputError for an unknown family, a missing key without a class default, or an impossible value.
ModelSpec model_from_hf_config(const JsonCursor& config, const std::string& name);

/// Families with an adapter, sorted.
std::vector<std::string> known_families();

/// Preset ids in `profiles/models`, sorted.
std::vector<std::string> preset_ids(const std::filesystem::path& profiles_root);

/// One tensor of a safetensors header.
struct StoredTensor {
    std::string name{};
    std::string dtype{};
    std::vector<std::int64_t> shape{};
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

/// The header of a .safetensors file: reads 8 bytes + that many, never the weights. Throws
/// InputError when lengths, offsets, dtypes or names do not hold together.
std::vector<StoredTensor> read_safetensors_header(const std::filesystem::path& file);

/// The same from memory; `file_size` is the size the offsets must fit (-1: unknown).
std::vector<StoredTensor> parse_safetensors_header(std::string_view bytes, std::int64_t file_size,
                                                   const std::string& source);

/// Parameters in a header by the rules of ecosystem.md 1.1 (packed 4-bit, scales and integer
/// buffers excluded).
std::int64_t count_stored_parameters(const std::vector<StoredTensor>& tensors);

}  // namespace headroom
