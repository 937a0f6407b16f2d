#pragma once

#include <string>

#include "planner/base/json.h"

namespace headroom {

/// A hardware profile of this machine's processor: what the CPU kernels reach on it, measured now
/// (a few seconds on an idle machine), its memory, and no links. `date` is written as the source.
Json detect_processor(const std::string& id, const std::string& date);

}  // namespace headroom
