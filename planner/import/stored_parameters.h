#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "planner/import/model_source.h"

namespace headroom {

/// Parameters that one stored tensor stands for: 0 for scales and buffers, more than its elements
/// when it is packed. `names` must be sorted; siblings tell how a tensor is packed.
std::int64_t stored_parameters(const StoredTensor& tensor, const std::vector<std::string>& names);

/// Names of all tensors, sorted.
std::vector<std::string> sorted_names(const std::vector<StoredTensor>& tensors);

/// What the file holds beyond the parameters of `spec`: a tied matrix stored again and blocks for
/// multi-token prediction. Returns the surplus and appends one sentence for each.
std::int64_t surplus_parameters(const std::vector<StoredTensor>& tensors, const ModelSpec& spec,
                                std::vector<std::string>& notes);

}  // namespace headroom
