#pragma once

#include <span>

#include "planner/step/tensor.h"

namespace headroom {

struct OpNode;
class Specs;
class Tape;

/// Whether a gradient is written over what was there or added to it. `add_after_first` overwrites
/// in the first micro-step of a step and adds in the others, so that nobody needs to clear it.
enum class Accumulation : std::uint8_t { overwrite, add, add_after_first };

}  // namespace headroom
