#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "planner/base/json.h"
#include "planner/import/model_source.h"

namespace headroom {

/// A JSON document and where it is from; places in it begin with that.
struct ModelDocument {
    Json json{};
    std::string origin{};  ///< "config.json#"

    [[nodiscard]] JsonCursor cursor() const { return {json, origin}; }
};

/// The id that `name` means: the whole id or, when only one preset has it, the part after the
/// slash; case is ignored.
std::optional<std::string> find_preset(const std::string& name,
                                       const std::vector<std::string>& ids);

/// Where the preset of that id lies.
std::filesystem::path preset_file(const std::filesystem::path& profiles_root,
                                  const std::string& id);

/// Whether a JSON document is a model.safetensors.index.json.
bool is_shard_index(const JsonCursor& document);

/// The source that a shard index describes. Headers are read when every shard lies in `folder`
/// (nothing: the index came from standard input); otherwise the index's own totals are used, with a
/// note. `config` is the config beside it.
ModelSource model_from_index(const JsonCursor& index,
                             const std::optional<std::filesystem::path>& folder,
                             const std::optional<ModelDocument>& config, const std::string& name);

/// The source that stored tensors and the config beside them describe.
ModelSource model_from_tensors(const std::vector<StoredTensor>& tensors,
                               const std::optional<ModelDocument>& config, const std::string& name);

/// The config's spec, or nothing and a note when its family has no adapter.
std::optional<ModelSpec> spec_beside(const std::optional<ModelDocument>& config,
                                     const std::string& name, std::vector<std::string>& notes);

}  // namespace headroom
