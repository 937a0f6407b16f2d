#pragma once

#include <cstdint>
#include <vector>

namespace headroom {

/// Bytes that are needed from op `first` to op `last`.
struct Interval {
    std::int32_t first = 0;
    std::int32_t last = 0;
    std::int64_t size = 0;
};

/// Where intervals lie, so that no two of one time overlap.
struct Packing {
    std::vector<std::int64_t> offset{};  ///< by interval
    std::int64_t height = 0;

    void put(std::uint32_t interval, std::int64_t at, std::int64_t size);
};

/// The sequence in which intervals are placed.
using Order = std::vector<std::uint32_t>;

/// An allocator that lives through the step: best fit at the first use, freed after the last.
/// Intervals are in the order of `first`.
Packing replay(const std::vector<Interval>& intervals);

/// Each interval above everything placed before it of the same time.
Packing stack(const std::vector<Interval>& intervals, const Order& order, std::size_t ops);

/// Each interval in the smallest sufficient gap among those placed before it of the same time, or
/// above them. Looks at up to `budget` neighbours; empty when that is not enough.
Packing fill_gaps(const std::vector<Interval>& intervals, const Order& order, std::size_t ops,
                  std::int64_t& budget);

/// The lowest of several packings, tried until one is near `bound`, the peak of the live bytes.
/// Intervals are in the order of `first`.
Packing pack(const std::vector<Interval>& intervals, std::size_t ops, std::int64_t bound);

}  // namespace headroom
