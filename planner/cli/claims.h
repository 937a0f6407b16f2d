#pragma once

#include <string>

#include "planner/spec/plan_request.h"

namespace headroom {

/// Every published claim that this version reproduces, claimed beside computed; as an aligned table
/// or as Markdown.
std::string claims_text(const Library& library, bool markdown);

}  // namespace headroom
