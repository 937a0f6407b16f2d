#pragma once

#include <cstdint>
#include <string_view>

namespace headroom {

/// The end of a counted word: "1 rank", "2 ranks".
constexpr std::string_view plural(std::int64_t count) { return count == 1 ? "" : "s"; }

}  // namespace headroom
