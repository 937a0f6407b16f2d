#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/import/model_source.h"

namespace headroom {

/// A dense llama-shaped decoder read from tensor names and shapes, or nothing when any tensor of a
/// layer is not understood. `notes` says what the shapes cannot tell and was assumed.
std::optional<ModelSpec> spec_from_tensors(const std::vector<StoredTensor>& tensors,
                                           const std::string& name,
                                           std::vector<std::string>& notes);

/// One sentence for each size on which the config and the stored shapes disagree.
std::vector<std::string> disagreements(const ModelSpec& config,
                                       const std::vector<StoredTensor>& tensors);

}  // namespace headroom
