#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace headroom {

/// bfloat16 as it is stored; rounding to nearest even, as GPUs do.
struct BFloat16 {
    std::uint16_t bits = 0;
    BFloat16() = default;
    explicit BFloat16(float value) {
        const auto word = std::bit_cast<std::uint32_t>(value);
        const bool nan = (word & 0x7FFFFFFFU) > 0x7F800000U;
        const std::uint32_t rounded = word + 0x7FFFU + ((word >> 16) & 1U);
        bits = static_cast<std::uint16_t>((nan ? (word | 0x400000U) : rounded) >> 16);
    }
    explicit operator float() const {
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
    }
};

/// IEEE half as it is stored; rounding to nearest even, overflow to infinity.
struct Float16 {
    std::uint16_t bits = 0;
    Float16() = default;
    explicit Float16(float value) {
        const auto word = std::bit_cast<std::uint32_t>(value);
        const std::uint32_t sign = (word >> 16) & 0x8000U;
        const std::uint32_t magnitude = word & 0x7FFFFFFFU;
        std::uint32_t half = 0;
        if (magnitude > 0x7F800000U) {
            half = 0x7E00U;  // NaN
        } else if (magnitude >= 0x47800000U) {
            half = 0x7C00U;  // 65536 and above; rounding takes care of 65520 and above
        } else if (magnitude < 0x38800000U) {
            // Subnormal: adding 0.5 lets the float unit round at the half's last place.
            const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
            half = std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U;
        } else {
            half = (magnitude + 0xC8000FFFU + ((magnitude >> 13) & 1U)) >> 13;
        }
        bits = static_cast<std::uint16_t>(sign | half);
    }
    explicit operator float() const {
        const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
        const std::uint32_t rest = bits & 0x7FFFU;
        if (rest >= 0x7C00U)
            return std::bit_cast<float>(sign | 0x7F800000U | (rest & 0x3FFU) << 13);
        if (rest >= 0x400U) return std::bit_cast<float>(sign | ((rest << 13) + 0x38000000U));
        const float value = static_cast<float>(rest) * 0x1p-24F;
        return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
    }
};

/// What a storage type is computed in.
template <class T>
using Compute = std::conditional_t<std::is_same_v<T, double>, double, float>;

}  // namespace headroom
