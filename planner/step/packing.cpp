#include "planner/step/packing.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "planner/step/free_list.h"
#include "planner/step/skyline.h"
#include "planner/step/windows.h"

namespace headroom {

void Packing::put(std::uint32_t interval, std::int64_t at, std::int64_t size) {
    offset[interval] = at;
    height = std::max(height, at + size);
}

namespace {

/// Indices of the intervals, smallest key first; equal keys in the order of the intervals. Keys are
/// counts of ops, so they are counted rather than compared.
template <class Key>
Order ascending(const std::vector<Interval>& intervals, Key key) {
    std::vector<std::uint32_t> next;
    for (const auto& interval : intervals) {
        const auto at = static_cast<std::size_t>(key(interval)) + 1;
        if (at >= next.size()) next.resize(at + 1);
        ++next[at];
    }
    std::partial_sum(next.begin(), next.end(), next.begin());
    Order order(intervals.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) {
        order[next[static_cast<std::size_t>(key(intervals[i]))]++] = i;
    }
    return order;
}

}  // namespace

Packing replay(const std::vector<Interval>& intervals) {
    const Order ends = ascending(intervals, [](const Interval& each) { return each.last; });
    Packing packing{.offset = std::vector<std::int64_t>(intervals.size())};
    FreeList heap;
    std::size_t ended = 0;
    for (std::uint32_t i = 0; i < intervals.size(); ++i) {
        for (; intervals[ends[ended]].last < intervals[i].first; ++ended) {
            heap.release(packing.offset[ends[ended]], intervals[ends[ended]].size);
        }
        packing.put(i, heap.take(intervals[i].size), intervals[i].size);
    }
    return packing;
}

Packing stack(const std::vector<Interval>& intervals, const Order& order, std::size_t ops) {
    Packing packing{.offset = std::vector<std::int64_t>(intervals.size())};
    Skyline skyline(ops);
    for (const auto i : order) {
        const Interval& interval = intervals[i];
        packing.put(i, skyline.put(interval.first, interval.last, interval.size), interval.size);
    }
    return packing;
}

namespace {

/// Bottom of the smallest sufficient gap between blocks of the same time, the lowest of several,
/// or the top of them.
std::int64_t lowest_gap(const std::vector<Block>& blocks, const Interval& mine) {
    std::int64_t top = 0;
    std::int64_t best = -1;
    std::int64_t best_gap = std::numeric_limits<std::int64_t>::max();
    for (const auto& block : blocks) {
        if (block.first > mine.last || block.last < mine.first) continue;
        const std::int64_t gap = block.bottom - top;
        if (gap >= mine.size && gap < best_gap) {
            if (gap == mine.size) return top;
            best = top;
            best_gap = gap;
        }
        top = std::max(top, block.top);
    }
    return best < 0 ? top : best;
}

}  // namespace

Packing fill_gaps(const std::vector<Interval>& intervals, const Order& order, std::size_t ops,
                  std::int64_t& budget) {
    Packing packing{.offset = std::vector<std::int64_t>(intervals.size())};
    Windows windows(ops);
    for (const auto i : order) {
        const Interval& mine = intervals[i];
        Window& near = windows.around(mine.first, mine.last);
        budget -= near.count();
        if (budget < 0) return {};
        const std::int64_t bottom = lowest_gap(near.blocks(), mine);
        packing.put(i, bottom, mine.size);
        windows.add({bottom, bottom + mine.size, mine.first, mine.last});
    }
    return packing;
}

namespace {

/// Neighbours that gaps are looked for between: a few ms. Without recomputation, where storages
/// have most neighbours, a stack is near the bound already.
constexpr std::int64_t kBudget = 6'000'000;
/// Less than this share above the bound is not worth more time.
constexpr double kEnough = 0.002;

/// The longest first; equal ones in the order of first use.
Order by_length(const std::vector<Interval>& intervals) {
    std::int32_t longest = 0;
    for (const auto& each : intervals) longest = std::max(longest, each.last - each.first);
    return ascending(intervals,
                     [&](const Interval& each) { return longest - (each.last - each.first); });
}

/// The largest first; equal ones in the order of first use.
Order by_size(const std::vector<Interval>& intervals) {
    std::vector<std::pair<std::int64_t, std::uint32_t>> keyed(intervals.size());
    for (std::uint32_t i = 0; i < keyed.size(); ++i) keyed[i] = {-intervals[i].size, i};
    std::ranges::sort(keyed);
    Order order(keyed.size());
    std::ranges::transform(keyed, order.begin(), [](const auto& entry) { return entry.second; });
    return order;
}

}  // namespace

Packing pack(const std::vector<Interval>& intervals, std::size_t ops, std::int64_t bound) {
    Packing best = replay(intervals);
    const auto limit = static_cast<double>(bound) * (1.0 + kEnough);
    const auto keep = [&](Packing next) {
        if (!next.offset.empty() && next.height < best.height) best = std::move(next);
        return static_cast<double>(best.height) <= limit;
    };
    if (static_cast<double>(best.height) <= limit) return best;
    const Order longest_first = by_length(intervals);
    if (keep(stack(intervals, longest_first, ops))) return best;
    std::int64_t budget = kBudget;
    if (keep(fill_gaps(intervals, longest_first, ops, budget))) return best;
    keep(fill_gaps(intervals, by_size(intervals), ops, budget));
    return best;
}

}  // namespace headroom
