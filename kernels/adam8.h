#pragma once

#include <array>
#include <cstdint>

#include "kernels/host_device.h"

namespace headroom {

/// The values that 8-bit codes stand for, rising, and the middle between each two of them:
/// block-wise dynamic quantization (Dettmers et al. 2022) of numbers divided by the largest of
/// their block.
struct Adam8Map {
    std::array<float, 256> value{};
    std::array<float, 255> middle{};
};

/// The second moment has no sign to keep.
enum class Adam8Sign : std::uint8_t { kept, none };

/// Seven decades down from 1; decade d has 2^d values (2^(d + 1) without sign) that divide it
/// evenly. 0 and 1 complete the 256.
constexpr Adam8Map adam8_map(Adam8Sign sign) {
    constexpr int kDecades = 7;
    const bool is_signed = sign == Adam8Sign::kept;
    Adam8Map map;
    std::size_t positive = is_signed ? 128 : 1;
    map.value[positive - 1] = 0.0F;
    double decade = 1e-6;
    for (int d = 0; d < kDecades; ++d, decade *= 10.0) {
        const int count = 1 << (is_signed ? d : d + 1);
        for (int i = 0; i < count; ++i) {
            const double part = (static_cast<double>(i) + 0.5) / static_cast<double>(count);
            map.value[positive++] = static_cast<float>(decade * (0.1 + 0.9 * part));
        }
    }
    map.value[255] = 1.0F;
    for (std::size_t i = 0; is_signed && i < 127; ++i) map.value[i] = -map.value[254 - i];
    for (std::size_t i = 0; i < 255; ++i) {
        map.middle[i] = 0.5F * (map.value[i] + map.value[i + 1]);
    }
    return map;
}

inline constexpr Adam8Map kAdam8Signed = adam8_map(Adam8Sign::kept);
inline constexpr Adam8Map kAdam8Unsigned = adam8_map(Adam8Sign::none);

/// The code of the nearest value; `middle` are the map's 255.
HEADROOM_HOST_DEVICE inline int adam8_code(const float* middle, float x) {
    int code = 0;
    for (int bit = 7; bit >= 0; --bit) {
        const int step = 1 << bit;
        code += x > middle[code + step - 1] ? step : 0;
    }
    return code;
}

/// `count` values of blocks of 256 by their codes and the largest of each block.
void load_adam8(const Adam8Map& map, const std::uint8_t* codes, const float* largest,
                std::int64_t count, float* to);
/// Codes of `count` values, and the largest magnitude of each block of 256.
void store_adam8(const Adam8Map& map, const float* from, std::int64_t count, std::uint8_t* codes,
                 float* largest);

}  // namespace headroom
