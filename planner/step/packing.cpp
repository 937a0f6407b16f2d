#include "planner/step/packing.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "planner/step/free_list.h"
#include "planner/step/skyline.h"

namespace headroom {

void Packing::put(std::uint32_t interval, std::int64_t at, std::int64_t size) {
    offset[interval] = at;
    height = std::max(height, at + size);
}

Packing replay(const std::vector<Interval>& intervals) {
    Order ends(intervals.size());
    std::iota(ends.begin(), ends.end(), 0U);
    std::ranges::sort(ends, {}, [&](auto i) { return std::pair{intervals[i].last, i}; });
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

/// Placed intervals by offset: all of them, and those that touch each of a row of overlapping time
/// windows, so that a short interval meets few others.
class Windows {
public:
    Windows(const std::vector<Interval>& intervals, const Packing& packing, std::size_t ops)
        : intervals_(intervals), packing_(packing) {
        for (std::size_t row = 0; row < kSteps.size(); ++row) {
            rows_[row].resize(ops / kSteps[row] + 1);
        }
    }

    /// Placed intervals, by offset, among which are all that live at the time of `interval`.
    [[nodiscard]] const Order& around(const Interval& interval) const {
        for (std::size_t row = 0; row < kSteps.size(); ++row) {
            const auto window = static_cast<std::size_t>(interval.first) / kSteps[row];
            const auto end = (window + 2) * kSteps[row];
            if (static_cast<std::size_t>(interval.last) < end) return rows_[row][window];
        }
        return all_;
    }
    void add(std::uint32_t i) {
        for (std::size_t row = 0; row < kSteps.size(); ++row) {
            const auto first = static_cast<std::size_t>(intervals_[i].first) / kSteps[row];
            const auto last = static_cast<std::size_t>(intervals_[i].last) / kSteps[row];
            for (auto w = first > 0 ? first - 1 : 0; w <= last; ++w) insert(rows_[row][w], i);
        }
        insert(all_, i);
    }

private:
    static constexpr std::array<std::size_t, 2> kSteps{32, 512};  ///< ops; windows are two long

    void insert(Order& list, std::uint32_t i) const {
        const auto offset = [&](auto k) { return packing_.offset[k]; };
        list.insert(std::ranges::upper_bound(list, offset(i), {}, offset), i);
    }

    const std::vector<Interval>& intervals_;
    const Packing& packing_;
    std::array<std::vector<Order>, kSteps.size()> rows_{};
    Order all_{};
};

}  // namespace

Packing fill_gaps(const std::vector<Interval>& intervals, const Order& order, std::size_t ops,
                  std::int64_t& budget) {
    Packing packing{.offset = std::vector<std::int64_t>(intervals.size())};
    Windows windows(intervals, packing, ops);
    for (const auto i : order) {
        const Interval& mine = intervals[i];
        std::int64_t top = 0;
        std::int64_t best = -1;
        std::int64_t best_gap = 0;
        const Order& near = windows.around(mine);
        budget -= static_cast<std::int64_t>(near.size());
        if (budget < 0) return {};
        for (const auto k : near) {
            if (intervals[k].first > mine.last || intervals[k].last < mine.first) continue;
            const std::int64_t gap = packing.offset[k] - top;
            if (gap >= mine.size && (best < 0 || gap < best_gap)) {
                best = top;
                best_gap = gap;
            }
            top = std::max(top, packing.offset[k] + intervals[k].size);
        }
        packing.put(i, best < 0 ? top : best, mine.size);
        windows.add(i);
    }
    return packing;
}

namespace {

/// Neighbours that gaps are looked for between: some 10 ms. Without recomputation, where storages
/// have most neighbours, a stack is near the bound already.
constexpr std::int64_t kBudget = 6'000'000;
/// Less than this share above the bound is not worth more time.
constexpr double kEnough = 0.002;

/// Indices of the intervals, largest key first; equal keys in the order of first use.
Order order_by(const std::vector<Interval>& intervals, std::int64_t (*key)(const Interval&)) {
    std::vector<std::pair<std::int64_t, std::uint32_t>> keyed(intervals.size());
    for (std::uint32_t i = 0; i < keyed.size(); ++i) keyed[i] = {-key(intervals[i]), i};
    std::ranges::sort(keyed);
    Order order(keyed.size());
    std::ranges::transform(keyed, order.begin(), [](const auto& entry) { return entry.second; });
    return order;
}

std::int64_t length(const Interval& interval) { return interval.last - interval.first + 1; }
std::int64_t size(const Interval& interval) { return interval.size; }

}  // namespace

Packing pack(const std::vector<Interval>& intervals, std::size_t ops, std::int64_t bound) {
    Packing best = replay(intervals);
    const auto limit = static_cast<double>(bound) * (1.0 + kEnough);
    const auto keep = [&](Packing next) {
        if (!next.offset.empty() && next.height < best.height) best = std::move(next);
        return static_cast<double>(best.height) <= limit;
    };
    if (static_cast<double>(best.height) <= limit) return best;
    const Order by_length = order_by(intervals, length);
    if (keep(stack(intervals, by_length, ops))) return best;
    std::int64_t budget = kBudget;
    if (keep(fill_gaps(intervals, by_length, ops, budget))) return best;
    keep(fill_gaps(intervals, order_by(intervals, size), ops, budget));
    return best;
}

}  // namespace headroom
