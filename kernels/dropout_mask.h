#pragma once

#include <cstdint>

#include "kernels/host_device.h"
#include "planner/step/step_scalars.h"

namespace headroom {

/// Which random numbers: the same key and index give the same number on every device, in any order.
struct RandomKey {
    std::uint32_t seed = 0;
    std::uint32_t step = 0;
    std::uint32_t micro_step = 0;
    std::uint32_t layer = 0;
    std::uint32_t site = 0;
};

/// Sites of dropout are small numbers; the values that stand for another pipeline stage's are
/// these.
inline constexpr std::int64_t kReceiveSite = 0xFFFF;

/// The numbers of one place in a layer, in one micro-step.
HEADROOM_HOST_DEVICE inline RandomKey random_key(const StepScalars& scalars, std::int32_t layer,
                                                 std::int64_t site) {
    return {scalars.seed, scalars.step, scalars.micro_step, static_cast<std::uint32_t>(layer),
            static_cast<std::uint32_t>(site)};
}

struct RandomWords {
    std::uint32_t word[4];
};

/// Philox-4x32-10 (Salmon et al. 2011).
HEADROOM_HOST_DEVICE inline RandomWords philox(RandomWords counter, std::uint32_t key0,
                                               std::uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = std::uint64_t{0xD2511F53U} * counter.word[0];
        const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * counter.word[2];
        counter = {{static_cast<std::uint32_t>(b >> 32) ^ counter.word[1] ^ key0,
                    static_cast<std::uint32_t>(b),
                    static_cast<std::uint32_t>(a >> 32) ^ counter.word[3] ^ key1,
                    static_cast<std::uint32_t>(a)}};
        key0 += 0x9E3779B9U;
        key1 += 0xBB67AE85U;
    }
    return counter;
}

/// Four words, the `group`-th of a key; group < 2^48.
HEADROOM_HOST_DEVICE inline RandomWords random_words(const RandomKey& key, std::uint64_t group) {
    const auto high = static_cast<std::uint32_t>(group >> 32) & 0xFFFFU;
    return philox(
        {{static_cast<std::uint32_t>(group), high | (key.site << 16), key.layer, key.micro_step}},
        key.seed, key.step);
}

/// What a word is compared with: of 2^32 words, rate * 2^32 lie below.
HEADROOM_HOST_DEVICE inline std::uint64_t dropout_threshold(double rate) {
    return static_cast<std::uint64_t>(rate * 4294967296.0);
}

/// Whether dropout keeps an element. Elements 4 g ... 4 g + 3 take the words of group g.
HEADROOM_HOST_DEVICE inline bool keeps(const RandomWords& words, std::uint64_t index,
                                       std::uint64_t threshold) {
    return words.word[index % 4] >= threshold;
}

/// A number of mean 0 and variance 1 by the `index` of its element: eight uniform ones summed, so
/// that every device computes it exactly alike.
HEADROOM_HOST_DEVICE inline float pseudo_normal(const RandomKey& key, std::uint64_t index) {
    const RandomWords words = random_words(key, index);
    std::uint32_t sum = 0;
    for (const std::uint32_t word : words.word) sum += (word & 0xFFFFU) + (word >> 16);
    constexpr float kMean = 4.0F * 65535.0F;
    constexpr float kScale = 1.2247449F / 65536.0F;  // sqrt(12 / 8) / 2^16
    return (static_cast<float>(sum) - kMean) * kScale;
}

}  // namespace headroom
