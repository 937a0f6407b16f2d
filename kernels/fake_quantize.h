#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"
#include "planner/step/op/quantize.h"

// What every device computes of a group and of a number, so that all give the same bits. Nothing
// here can become a fused multiply-add, which would round a product otherwise.

namespace headroom {

/// The codes of an op, as kernels are given them.
struct CodeRange {
    float lowest = 0.0F;
    float highest = 0.0F;
    bool symmetric = true;
};
inline CodeRange code_range(const FakeQuantization& to) {
    const auto half = static_cast<float>(std::int64_t{1} << (to.bits - 1));
    return {-half, half - 1.0F, to.symmetric};
}

/// How far numbers lie above and below 0 at most, as the bits of floats: of those with the sign
/// that is looked for, greater floats have greater bits, and NaN the greatest. So NaN is not lost,
/// and the order in which numbers are taken does not matter.
struct Reach {
    std::int32_t above = 0;
    std::int32_t below = 0;
    HEADROOM_HOST_DEVICE void take(float x) {
        constexpr std::int32_t kSign = -0x7FFFFFFF - 1;
        const auto bits = __builtin_bit_cast(std::int32_t, x);
        const std::int32_t opposite = bits ^ kSign;
        above = above < bits ? bits : above;
        below = below < opposite ? opposite : below;
    }
};

/// How the numbers of one group are rounded.
struct GroupCodes {
    float scale = 0.0F;
    float inverse = 0.0F;
    float zero_point = 0.0F;
    float lowest = 0.0F;
    float highest = 0.0F;

    /// Not yet brought into the range.
    [[nodiscard]] HEADROOM_HOST_DEVICE float code(float x) const {
        return rintf(x * inverse) + zero_point;
    }
    /// NaN lies outside, too.
    [[nodiscard]] HEADROOM_HOST_DEVICE bool outside(float x) const {
        const float found = code(x);
        return !(found >= lowest && found <= highest);
    }
    /// The number that x's code stands for.
    [[nodiscard]] HEADROOM_HOST_DEVICE float nearest(float x) const {
        const float found = code(x);
        const float from_below = found < lowest ? lowest : found;
        const float within = from_below > highest ? highest : from_below;
        return (within - zero_point) * scale;
    }
};

/// Codes of a group of such reach. Where it holds an infinity or NaN, or is wider than any float,
/// the scale is infinite or NaN: all its numbers become NaN, since finite ones have the code of 0.
HEADROOM_HOST_DEVICE inline GroupCodes group_codes(const CodeRange& range, const Reach& reach) {
    constexpr float kLeastScale = 0x1p-23F;
    const auto above = __builtin_bit_cast(float, reach.above);
    const auto below = __builtin_bit_cast(float, reach.below);
    const float steps = range.highest - range.lowest;
    float scale = (above + below) / steps;
    if (range.symmetric) scale = (reach.above < reach.below ? below : above) / (steps / 2.0F);
    if (scale < kLeastScale) scale = kLeastScale;
    float zero_point = 0.0F;
    if (!range.symmetric) {
        zero_point = range.lowest + rintf(below / scale);
        if (zero_point > range.highest) zero_point = range.highest;
    }
    return {scale, 1.0F / scale, zero_point, range.lowest, range.highest};
}

}  // namespace headroom
