#pragma once

#include <string>
#include <vector>

#include "planner/spec/model_spec.h"

namespace headroom {

/// The linear layers of this model that an adapter can be put on, in the order of a block. Routed
/// experts stay frozen.
std::vector<std::string> adapter_targets(const ModelSpec& model);

}  // namespace headroom
