#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace headroom {

// The float functions have no branches and no calls, so loops over them use the vector unit; the
// double ones are the library's.

/// e^x within 2 units in the last place; 0 below -87.3, where floats lose digits, and infinity
/// above 88.3.
[[gnu::always_inline]] inline float exponential(float x) {
    constexpr float kLowest = -87.3F;
    constexpr float kHighest = 88.3F;
    // Adding 1.5 * 2^23 leaves a whole number, rounded, in the low bits.
    constexpr float kRounder = 0x1.8p23F;
    constexpr float kLog2E = 1.44269504F;
    constexpr float kLn2 = 0x1.62E4p-1F;  // 16 bits: its products with whole numbers are exact
    constexpr float kLn2Rest = 1.42860677e-6F;
    const float within = std::max(std::min(x, kHighest), kLowest);
    const float shifted = within * kLog2E + kRounder;
    const float whole = shifted - kRounder;
    const float rest = (within - whole * kLn2) - whole * kLn2Rest;
    float power = 1.0F / 5040.0F;  // Taylor: |rest| <= ln(2) / 2 makes the next term 5e-9
    power = power * rest + 1.0F / 720.0F;
    power = power * rest + 1.0F / 120.0F;
    power = power * rest + 1.0F / 24.0F;
    power = power * rest + 1.0F / 6.0F;
    power = power * rest + 0.5F;
    power = power * rest + 1.0F;
    power = power * rest + 1.0F;
    const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) + 127U) << 23;
    const float scaled = power * std::bit_cast<float>(exponent);
    const float from_below = x < kLowest ? 0.0F : scaled;
    return x > kHighest ? HUGE_VALF : from_below;
}
inline double exponential(double x) { return std::exp(x); }

/// 1 / (1 + e^-x).
template <class R>
[[gnu::always_inline]] inline R sigmoid(R x) {
    return R{1} / (R{1} + exponential(-x));
}

/// tanh(x) within 3e-7, relative.
[[gnu::always_inline]] inline float hyperbolic_tangent(float x) {
    const float far = 1.0F - 2.0F / (exponential(2.0F * x) + 1.0F);
    // Near 0 the difference above loses digits; the series' next term is below 1e-8 of x there.
    const float square = x * x;
    float series = -1382.0F / 155925.0F;
    series = series * square + 62.0F / 2835.0F;
    series = series * square - 17.0F / 315.0F;
    series = series * square + 2.0F / 15.0F;
    series = series * square - 1.0F / 3.0F;
    const float near = x + x * square * series;
    return square < 0.16F ? near : far;
}
inline double hyperbolic_tangent(double x) { return std::tanh(x); }

/// erf(x) within 4e-7, absolute, and below 1/2 relative: Abramowitz and Stegun, Handbook of
/// Mathematical Functions, 7.1.26, and the Taylor series below 1/2.
[[gnu::always_inline]] inline float error_function(float x) {
    const float z = std::abs(x);
    const float t = 1.0F / (1.0F + 0.3275911F * z);
    float tail = 1.061405429F;
    tail = tail * t - 1.453152027F;
    tail = tail * t + 1.421413741F;
    tail = tail * t - 0.284496736F;
    tail = tail * t + 0.254829592F;
    const float far = 1.0F - tail * t * exponential(-z * z);
    const float square = x * x;
    float series = -1.0F / 1320.0F;
    series = series * square + 1.0F / 216.0F;
    series = series * square - 1.0F / 42.0F;
    series = series * square + 1.0F / 10.0F;
    series = series * square - 1.0F / 3.0F;
    constexpr float kTwoOverRootPi = 1.12837917F;
    const float near = kTwoOverRootPi * (x + x * square * series);
    return z < 0.5F ? near : std::copysign(far, x);
}
inline double error_function(double x) { return std::erf(x); }

/// The sum of term(i), i < count, in sixteen running sums: the same order everywhere.
template <class R, class Term>
[[gnu::always_inline]] inline R lane_sum(std::int64_t count, const Term& term) {
    constexpr std::int64_t kLanes = 16;
    R lane[kLanes] = {};
    std::int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        for (std::int64_t k = 0; k < kLanes; ++k) lane[k] += term(i + k);
    }
    for (; i < count; ++i) lane[i % kLanes] += term(i);
    for (std::int64_t width = kLanes / 2; width > 0; width /= 2) {
        for (std::int64_t k = 0; k < width; ++k) lane[k] += lane[k + width];
    }
    return lane[0];
}

}  // namespace headroom
