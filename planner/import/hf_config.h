#pragma once

#include <string>
#include <vector>

#include "planner/base/json.h"
#include "planner/spec/model_spec.h"

namespace headroom {

/// What a reader should know about a config beyond its sizes: class defaults that stood in for
/// absent sizes, weights stored quantised, remote code, a head that is not modelled, what a run
/// computes otherwise. One sentence each, nothing for an inline model. `spec` was read from it.
std::vector<std::string> config_notes(const JsonCursor& config, const ModelSpec& spec);

/// Whether the document is an inline "format": "headroom-model" object.
bool is_inline_model(const JsonCursor& document);

}  // namespace headroom
