#pragma once

#include <string>
#include <vector>

#include "planner/base/json.h"

namespace headroom {

/// What a reader should know about a config beyond its sizes: class defaults that stood in for
/// absent sizes, weights stored quantised, remote code, a head that is not modelled. One sentence
/// each, nothing for an inline model.
std::vector<std::string> config_notes(const JsonCursor& config);

/// Whether the document is an inline "format": "headroom-model" object.
bool is_inline_model(const JsonCursor& document);

}  // namespace headroom
