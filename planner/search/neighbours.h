#pragma once

#include <string>
#include <vector>

#include "planner/search/search.h"

namespace headroom {

/// One knob of a plan turned one step, each legal turn once, except the pinned knobs; the batch a
/// step takes and the number of GPUs stay.
std::vector<Neighbour> neighbours(const Plan& plan, const std::vector<std::string>& pinned);

}  // namespace headroom
