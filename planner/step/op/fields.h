#pragma once

#include <span>
#include <string_view>
#include <tuple>

#include "planner/step/tensor.h"

namespace headroom {

struct OpNode;
class Specs;
class Tape;

/// A named attribute of an op, for the dump and the digest.
template <class T, class V>
struct Field {
    std::string_view name;
    V T::*member;
};
template <class T, class V>
Field(std::string_view, V T::*) -> Field<T, V>;

/// Whether a gradient is written over what was there or added to it. `add_after_first` overwrites
/// in the first micro-step of a step and adds in the others, so that nobody needs to clear it.
enum class Accumulation : std::uint8_t { overwrite, add, add_after_first };

}  // namespace headroom
