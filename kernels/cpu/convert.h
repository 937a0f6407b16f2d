#pragma once

#include <cstddef>
#include <cstdint>

#include "planner/base/dtype.h"

namespace headroom {

/// `count` stored values of a floating dtype as floats; vectorised, by one thread.
void load_floats(DType dtype, const std::byte* from, std::int64_t count, float* to);
/// Floats as a floating dtype stores them, rounded to nearest even.
void store_floats(DType dtype, const float* from, std::int64_t count, std::byte* to);

}  // namespace headroom
