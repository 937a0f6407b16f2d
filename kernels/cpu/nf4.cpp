#include "kernels/nf4.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "planner/base/error.h"
#include "planner/step/op/quantize.h"

namespace headroom {
namespace {

constexpr std::size_t kBlock = kNf4Block;
constexpr std::size_t kSuperBlock = kNf4SuperBlock;

/// Between neighbouring values, to the bit as bitsandbytes has them; what lies on one goes down.
constexpr std::array<float, 15> kNf4Thresholds{
    -0.8480964004993439F,  -0.6106329262256622F,  -0.4599952697753906F,   -0.33967943489551544F,
    -0.23460740596055984F, -0.13791173323988914F, -0.045525018125772476F, 0.03979014977812767F,
    0.1202552504837513F,   0.2035212516784668F,   0.2920137718319893F,    0.3893125355243683F,
    0.5016634166240692F,   0.6427869200706482F,   0.8614784181118011F,
};
constexpr std::array<float, 255> kDynamicThresholds = [] {
    std::array<float, 255> between{};
    for (std::size_t i = 0; i < between.size(); ++i) {
        between[i] = (kDynamicValues[i] + kDynamicValues[i + 1]) / 2.0F;
    }
    return between;
}();

/// Index of the nearest value: how many thresholds lie below x.
template <std::size_t N>
std::uint8_t nearest_code(const std::array<float, N>& thresholds, float x) {
    return static_cast<std::uint8_t>(std::ranges::lower_bound(thresholds, x) - thresholds.begin());
}

float largest_magnitude(std::span<const float> values) {
    float largest = 0.0F;
    for (const float value : values) largest = std::max(largest, std::abs(value));
    return largest;
}

/// What values are multiplied by to lie in [-1, 1]; those of a block of (almost) zeros become 0.
float inverse(float scale) {
    return scale >= std::numeric_limits<float>::min() ? 1.0F / scale : 0.0F;
}

std::size_t blocks_of(std::size_t count, std::size_t block) { return (count + block - 1) / block; }

void check_size(std::size_t found, std::size_t needed) {
    if (found == needed) return;
    throw InternalError(fmt::format("room for {} quantized values, not {}", found, needed));
}

void quantize_block(std::span<const float> weights, float scale, std::span<std::uint8_t> codes) {
    const float factor = inverse(scale);
    const auto code = [&](std::size_t i) -> unsigned {
        const float weight = i < weights.size() ? weights[i] : 0.0F;
        return nearest_code(kNf4Thresholds, weight * factor);
    };
    for (std::size_t byte = 0; byte < codes.size(); ++byte) {
        codes[byte] = static_cast<std::uint8_t>(code(2 * byte) << 4 | code(2 * byte + 1));
    }
}

}  // namespace

void quantize_nf4(std::span<const float> weights, std::span<std::uint8_t> codes,
                  std::span<float> scales) {
    const std::size_t blocks = blocks_of(weights.size(), kBlock);
    check_size(codes.size(), (weights.size() + 1) / 2);
    check_size(scales.size(), blocks);
#pragma omp parallel for schedule(static)
    for (std::size_t block = 0; block < blocks; ++block) {
        const std::size_t first = block * kBlock;
        const auto part = weights.subspan(first, std::min(kBlock, weights.size() - first));
        scales[block] = largest_magnitude(part);
        quantize_block(part, scales[block], codes.subspan(first / 2, (part.size() + 1) / 2));
    }
}

float quantize_scales(std::span<const float> scales, std::span<std::uint8_t> codes,
                      std::span<float> super_scales) {
    const std::size_t blocks = blocks_of(scales.size(), kSuperBlock);
    check_size(codes.size(), scales.size());
    check_size(super_scales.size(), blocks);
    if (scales.empty()) return 0.0F;
    const double sum = std::accumulate(scales.begin(), scales.end(), 0.0);
    const auto mean = static_cast<float>(sum / static_cast<double>(scales.size()));
#pragma omp parallel for schedule(static)
    for (std::size_t block = 0; block < blocks; ++block) {
        const std::size_t first = block * kSuperBlock;
        const std::size_t end = std::min(first + kSuperBlock, scales.size());
        float largest = 0.0F;
        for (std::size_t i = first; i < end; ++i) {
            largest = std::max(largest, std::abs(scales[i] - mean));
        }
        super_scales[block] = largest;
        const float factor = inverse(largest);
        for (std::size_t i = first; i < end; ++i) {
            codes[i] = nearest_code(kDynamicThresholds, (scales[i] - mean) * factor);
        }
    }
    return mean;
}

}  // namespace headroom
