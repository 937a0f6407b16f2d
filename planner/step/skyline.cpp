#include "planner/step/skyline.h"

#include <algorithm>
#include <bit>

namespace headroom {

Skyline::Skyline(std::size_t ops)
    : leaves_(std::bit_ceil(std::max<std::size_t>(ops, 1))),
      below_(2 * leaves_),
      covered_(2 * leaves_) {}

std::int64_t Skyline::put(std::int32_t first, std::int32_t last, std::int64_t height) {
    const auto from = static_cast<std::size_t>(first) + leaves_;
    const auto to = static_cast<std::size_t>(last) + leaves_;
    const std::int64_t bottom = highest(from, to);
    raise(from, to, bottom + height);
    return bottom;
}

// A box rests on the highest point beneath it, so heights only grow: a cover is a lower bound that
// never has to be pushed down.
std::int64_t Skyline::highest(std::size_t first, std::size_t last) const {
    std::int64_t top = 0;
    for (auto node = first; node > 0; node /= 2) top = std::max(top, covered_[node]);
    for (auto node = last; node > 0; node /= 2) top = std::max(top, covered_[node]);
    for (++last; first < last; first /= 2, last /= 2) {
        if (first % 2 == 1) top = std::max(top, below_[first++]);
        if (last % 2 == 1) top = std::max(top, below_[--last]);
    }
    return top;
}

void Skyline::raise(std::size_t first, std::size_t last, std::int64_t to) {
    const auto lift = [&](std::size_t node) { below_[node] = std::max(below_[node], to); };
    const auto cover = [&](std::size_t node) {
        covered_[node] = std::max(covered_[node], to);
        for (; node > 0; node /= 2) lift(node);
    };
    for (++last; first < last; first /= 2, last /= 2) {
        if (first % 2 == 1) cover(first++);
        if (last % 2 == 1) cover(--last);
    }
}

}  // namespace headroom
