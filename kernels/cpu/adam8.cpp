#include "kernels/adam8.h"

#include <algorithm>
#include <bit>

#include "kernels/cpu/clones.h"
#include "planner/step/op/optimizer.h"

namespace headroom {
namespace {

HEADROOM_CLONES
void decode(const float* __restrict value, const std::uint8_t* __restrict codes, float largest,
            std::int64_t count, float* __restrict to) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = value[codes[i]] * largest;
}

HEADROOM_CLONES
void encode(const float* __restrict middle, const float* __restrict from, float largest,
            std::int64_t count, std::uint8_t* __restrict codes) {
    for (std::int64_t i = 0; i < count; ++i) {
        codes[i] = static_cast<std::uint8_t>(adam8_code(middle, from[i] / largest));
    }
}

/// Magnitudes order like their bits, and integers have a maximum that vectors take.
HEADROOM_CLONES
float largest_magnitude(const float* __restrict from, std::int64_t count) {
    std::uint32_t top = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        top = std::max(top, std::bit_cast<std::uint32_t>(from[i]) & 0x7FFFFFFFU);
    }
    return std::bit_cast<float>(top);
}

}  // namespace

void load_adam8(const Adam8Map& map, const std::uint8_t* codes, const float* largest,
                std::int64_t count, float* to) {
    for (std::int64_t first = 0; first < count; first += kAdam8Block) {
        decode(map.value.data(), codes + first, largest[first / kAdam8Block],
               std::min(kAdam8Block, count - first), to + first);
    }
}

void store_adam8(const Adam8Map& map, const float* from, std::int64_t count, std::uint8_t* codes,
                 float* largest) {
    for (std::int64_t first = 0; first < count; first += kAdam8Block) {
        const std::int64_t size = std::min(kAdam8Block, count - first);
        const float top = largest_magnitude(from + first, size);
        largest[first / kAdam8Block] = top;
        encode(map.middle.data(), from + first, top > 0.0F ? top : 1.0F, size, codes + first);
    }
}

}  // namespace headroom
