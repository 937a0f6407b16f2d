#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace headroom {

/// The values of NormalFloat4 (QLoRA, appendix E): quantiles of N(0, 1) that cover [-1, 1], zero
/// being one of them; ascending.
inline constexpr std::array<float, 16> kNf4Values{
    -1.0F,
    -0.6961928009986877F,
    -0.5250730514526367F,
    -0.39491748809814453F,
    -0.28444138169288635F,
    -0.18477343022823334F,
    -0.09105003625154495F,
    0.0F,
    0.07958029955625534F,
    0.16093020141124725F,
    0.24611230194568634F,
    0.33791524171829224F,
    0.44070982933044434F,
    0.5626170039176941F,
    0.7229568362236023F,
    1.0F,
};

namespace detail {

inline constexpr std::array kDecades{1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0};

/// Each decade [0.1, 1] * 10^-d is cut into 2^(6 - d) equal parts, whose middles are values, as are
/// their negatives, 0 and 1.
constexpr std::array<float, 256> dynamic_values() {
    std::array<float, 256> values{};
    std::size_t at = 0;
    for (std::size_t d = 0; d < kDecades.size(); ++d) {
        const std::size_t parts = std::size_t{1} << d;
        for (std::size_t part = 0; part < parts; ++part) {
            const double middle =
                0.1 + 0.9 * (static_cast<double>(part) + 0.5) / static_cast<double>(parts);
            values[at++] = static_cast<float>(kDecades[d] * middle);
            values[at++] = -static_cast<float>(kDecades[d] * middle);
        }
    }
    values[at++] = 0.0F;
    values[at++] = 1.0F;
    std::sort(values.begin(), values.end());
    return values;
}

}  // namespace detail

/// The signed values of 8 bits with a dynamic exponent (arXiv:1511.04561, 2110.02861); ascending.
inline constexpr std::array<float, 256> kDynamicValues = detail::dynamic_values();

/// Blocks of kNf4Block weights -> scales (blocks): their largest magnitudes, and codes
/// ((weights + 1) / 2 bytes): the nearest of kNf4Values times the scale, the first weight of a
/// byte in its high nibble.
void quantize_nf4(std::span<const float> weights, std::span<std::uint8_t> codes,
                  std::span<float> scales);

/// Scales of blocks less their mean, which is returned -> super scales, the largest magnitudes of
/// kNf4SuperBlock of them, and codes (scales): the nearest of kDynamicValues times the super scale.
float quantize_scales(std::span<const float> scales, std::span<std::uint8_t> codes,
                      std::span<float> super_scales);

}  // namespace headroom
