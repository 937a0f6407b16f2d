#include "runtime/pruning.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace headroom {
namespace {

/// Calls take_out(i) for the `count` smallest magnitudes of a matrix.
template <class TakeOut>
void each_smallest(std::span<const float> matrix, std::int64_t count, const TakeOut& take_out) {
    if (count <= 0) return;
    std::vector<float> sizes(matrix.size());
    std::ranges::transform(matrix, sizes.begin(), [](float x) { return std::abs(x); });
    const auto last = sizes.begin() + (count - 1);
    std::ranges::nth_element(sizes, last);
    const float limit = *last;
    auto equal = count - std::count_if(sizes.begin(), last, [&](float x) { return x < limit; });
    for (std::size_t i = 0; i < matrix.size(); ++i) {
        const float size = std::abs(matrix[i]);
        if (size < limit || (size == limit && equal-- > 0)) take_out(i);
    }
}

/// The same of every four in a row: two, or of what is left of a row half, rounded down.
template <class TakeOut>
void each_of_fours(std::span<const float> matrix, std::size_t columns, const TakeOut& take_out) {
    constexpr std::size_t kFour = 4;
    for (std::size_t row = 0; row < matrix.size(); row += columns) {
        for (std::size_t at = 0; at < columns; at += kFour) {
            const std::size_t count = std::min(kFour, columns - at);
            each_smallest(matrix.subspan(row + at, count), static_cast<std::int64_t>(count / 2),
                          [&](std::size_t i) { take_out(row + at + i); });
        }
    }
}

}  // namespace

std::vector<std::byte> prune(std::span<float> matrix, const Shape& shape, const PruneSpec& spec) {
    std::vector<std::byte> mask((matrix.size() + 7) / 8, std::byte{0xFF});
    const auto matrices = static_cast<std::size_t>(shape.rank() == 3 ? shape[0] : 1);
    const std::size_t size = matrix.size() / matrices;
    for (std::size_t first = 0; first < matrix.size(); first += size) {
        const std::span part = matrix.subspan(first, size);
        const std::vector<float> before(part.begin(), part.end());
        const auto take_out = [&](std::size_t i) {
            part[i] = 0.0F;
            mask[(first + i) / 8] &= ~(std::byte{1} << ((first + i) % 8));
        };
        if (spec.pattern == PrunePattern::two_of_four) {
            each_of_fours(before, static_cast<std::size_t>(shape.back()), take_out);
        } else {
            each_smallest(before, std::llround(spec.sparsity * static_cast<double>(size)),
                          take_out);
        }
    }
    return mask;
}

}  // namespace headroom
