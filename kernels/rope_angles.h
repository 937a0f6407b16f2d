#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"
#include "planner/step/op/rope.h"

namespace headroom {

inline constexpr double kTurn = 6.283185307179586476925;  ///< radians

/// YaRN (Peng et al. 2023): the pair, as a real number, that turns `turns` times in `op.original`
/// positions.
HEADROOM_HOST_DEVICE inline double pair_of_turns(const Rope& op, double turns) {
    const auto original = static_cast<double>(op.original);
    return static_cast<double>(op.rotary) * std::log(original / (turns * kTurn)) /
           (2.0 * std::log(op.theta));
}

/// How much of YaRN's stretched frequency pair `pair` takes: 0 for those that turn often, 1 for
/// those that turn seldom, a ramp between.
HEADROOM_HOST_DEVICE inline double yarn_share(const Rope& op, std::int64_t pair) {
    double often = pair_of_turns(op, op.high);
    double seldom = pair_of_turns(op, op.low);
    if (op.truncate) {
        often = std::floor(often);
        seldom = std::ceil(seldom);
    }
    const double first = often < 0.0 ? 0.0 : often;
    const auto limit = static_cast<double>(op.rotary - 1);
    const double last = seldom > limit ? limit : seldom;
    const double width = last == first ? 0.001 : last - first;
    const double share = (static_cast<double>(pair) - first) / width;
    return share < 0.0 ? 0.0 : (share > 1.0 ? 1.0 : share);
}

/// The same for Llama 3.1: by the wavelength, in positions.
HEADROOM_HOST_DEVICE inline double llama3_share(const Rope& op, double frequency) {
    const double turns = static_cast<double>(op.original) * frequency / kTurn;
    if (turns > op.high) return 0.0;
    if (turns < op.low) return 1.0;
    return 1.0 - (turns - op.low) / (op.high - op.low);
}

/// Radians a position that pair `pair` of a head (0 <= pair < rotary / 2) turns.
HEADROOM_HOST_DEVICE inline double rope_frequency(const Rope& op, std::int64_t pair) {
    const double exponent = 2.0 * static_cast<double>(pair) / static_cast<double>(op.rotary);
    const double frequency = std::pow(op.theta, -exponent);
    double share = 0.0;  // of the frequency divided by the factor
    switch (op.scaling) {
        case RopeScalingKind::none:
        case RopeScalingKind::other:  // refused before it runs
            break;
        case RopeScalingKind::linear:
            share = 1.0;
            break;
        case RopeScalingKind::llama3:
            share = llama3_share(op, frequency);
            break;
        case RopeScalingKind::yarn:
            share = yarn_share(op, pair);
            break;
    }
    return frequency * (share / op.factor + (1.0 - share));
}

/// What cos and sin are multiplied by.
HEADROOM_HOST_DEVICE inline double rope_attention(const Rope& op) {
    return op.scaling == RopeScalingKind::yarn ? op.attention : 1.0;
}

/// The two elements of a head that pair `pair` turns.
struct RopePair {
    std::int64_t first = 0;
    std::int64_t second = 0;
};
HEADROOM_HOST_DEVICE constexpr RopePair rope_pair(const Rope& op, std::int64_t pair) {
    const std::int64_t start = op.tail ? op.head_dim - op.rotary : 0;
    if (op.interleaved) return {start + 2 * pair, start + 2 * pair + 1};
    return {start + pair, start + pair + op.rotary / 2};
}

}  // namespace headroom
