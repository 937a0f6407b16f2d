#pragma once

#include <span>
#include <string_view>

namespace headroom {

/// Where predictions are weak, and the cause as far as it was found.
struct Weakness {
    std::string_view where;
    std::string_view cause;
};
std::span<const Weakness> weaknesses();

}  // namespace headroom
