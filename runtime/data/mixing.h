#pragma once

#include <cstdint>

namespace headroom {

/// A well-mixed 64-bit word of a key and a counter: the finaliser of splitmix64, twice. The same
/// everywhere, so what is drawn with it needs no state.
constexpr std::uint64_t mix(std::uint64_t key, std::uint64_t counter) {
    const auto finish = [](std::uint64_t word) {
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9U;
        word = (word ^ (word >> 27)) * 0x94D049BB133111EBU;
        return word ^ (word >> 31);
    };
    return finish(finish(key + 0x9E3779B97F4A7C15U) + counter * 0x9E3779B97F4A7C15U);
}

}  // namespace headroom
