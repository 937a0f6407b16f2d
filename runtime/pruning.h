#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "planner/spec/plan_request.h"
#include "planner/step/tensor.h"

namespace headroom {

/// Sets the weights that a pattern takes out of a matrix (R, C), or of each of (E, R, C), to 0: of
/// equal ones the first. -> bit i % 8 of byte i / 8: whether element i stays; bits beyond the last
/// element are 1.
std::vector<std::byte> prune(std::span<float> matrix, const Shape& shape, const PruneSpec& spec);

}  // namespace headroom
