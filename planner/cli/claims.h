#pragma once

#include <string>

#include "planner/base/json.h"
#include "planner/spec/plan_request.h"

namespace headroom {

/// Every published figure that planning can reproduce beside ours, computed now; as text or as
/// Markdown.
std::string claims_text(const Library& library, bool markdown);

/// The same as {"format", "claims": [...], "beyond": [...]}.
Json claims_json(const Library& library);

}  // namespace headroom
