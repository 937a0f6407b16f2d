#include "planner/step/packing.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "planner/step/free_list.h"
#include "planner/step/skyline.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

constexpr std::size_t kOps = 3000;
constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

/// Mostly short intervals, some that span most of the step, in the order of their first op.
std::vector<Interval> random_intervals(unsigned seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t limit) {
        return static_cast<std::int32_t>(
            std::uniform_int_distribution<std::size_t>(0, limit - 1)(random));
    };
    std::vector<Interval> intervals(1500);
    for (auto& interval : intervals) {
        interval.first = below(kOps);
        const std::int32_t length = below(10) == 0 ? below(kOps) : below(60);
        interval.last = std::min(interval.first + length, static_cast<std::int32_t>(kOps) - 1);
        interval.size = 1 + below(4) * 100 + below(20);
    }
    std::ranges::sort(intervals, {}, &Interval::first);
    return intervals;
}

bool disjoint(const std::vector<Interval>& intervals, const Packing& packing) {
    for (std::size_t a = 0; a < intervals.size(); ++a) {
        for (std::size_t b = 0; b < a; ++b) {
            const bool together =
                intervals[a].first <= intervals[b].last && intervals[b].first <= intervals[a].last;
            const bool share = packing.offset[a] < packing.offset[b] + intervals[b].size &&
                               packing.offset[b] < packing.offset[a] + intervals[a].size;
            if (together && share) return false;
        }
    }
    return true;
}

std::int64_t live_peak(const std::vector<Interval>& intervals) {
    std::vector<std::int64_t> change(kOps + 1);
    for (const auto& interval : intervals) {
        change[static_cast<std::size_t>(interval.first)] += interval.size;
        change[static_cast<std::size_t>(interval.last) + 1] -= interval.size;
    }
    std::partial_sum(change.begin(), change.end(), change.begin());
    return *std::ranges::max_element(change);
}

TEST_CASE("NoPackingOverlapsWhatLivesTogether") {
    for (unsigned seed = 0; seed < 10; ++seed) {
        const auto intervals = random_intervals(seed);
        const std::int64_t bound = live_peak(intervals);
        Order order(intervals.size());
        std::iota(order.begin(), order.end(), 0U);
        std::shuffle(order.begin(), order.end(), std::mt19937(seed));
        std::int64_t budget = kUnlimited;
        for (const auto& packing :
             {replay(intervals), stack(intervals, order, kOps),
              fill_gaps(intervals, order, kOps, budget), pack(intervals, kOps, bound)}) {
            CHECK(disjoint(intervals, packing));
            CHECK(packing.height >= bound);
        }
    }
}

/// The definition, with nothing remembered: every placed interval of the same time by offset.
std::vector<std::int64_t> gaps_filled_slowly(const std::vector<Interval>& intervals,
                                             const Order& order) {
    std::vector<std::int64_t> offset(intervals.size());
    std::vector<std::pair<std::int64_t, std::uint32_t>> placed;
    for (const auto i : order) {
        std::ranges::sort(placed);
        std::int64_t top = 0;
        std::pair best{std::numeric_limits<std::int64_t>::max(), std::int64_t{-1}};
        for (const auto& [bottom, k] : placed) {
            if (intervals[k].first > intervals[i].last) continue;
            if (intervals[k].last < intervals[i].first) continue;
            if (bottom - top >= intervals[i].size) best = std::min(best, {bottom - top, top});
            top = std::max(top, bottom + intervals[k].size);
        }
        offset[i] = best.second < 0 ? top : best.second;
        placed.emplace_back(offset[i], i);
    }
    return offset;
}

TEST_CASE("GapsAreFilledAsIfEveryIntervalWereLookedAt") {
    for (unsigned seed = 0; seed < 4; ++seed) {
        const auto intervals = random_intervals(seed);
        Order order(intervals.size());
        std::iota(order.begin(), order.end(), 0U);
        std::shuffle(order.begin(), order.end(), std::mt19937(seed));
        if (seed % 2 == 0) {  // blocks that live through whole windows come first
            std::ranges::stable_sort(order, std::greater{}, [&](auto i) {
                return intervals[i].last - intervals[i].first;
            });
        }
        std::int64_t budget = kUnlimited;
        CHECK(fill_gaps(intervals, order, kOps, budget).offset ==
              gaps_filled_slowly(intervals, order));
    }
}

TEST_CASE("ThePackingIsTheLowestOfWhatWasTried") {
    for (unsigned seed = 0; seed < 10; ++seed) {
        const auto intervals = random_intervals(seed);
        const std::int64_t bound = live_peak(intervals);
        const auto packing = pack(intervals, kOps, bound);
        CHECK(packing.height <= replay(intervals).height);
        CHECK(static_cast<double>(packing.height) < 1.10 * static_cast<double>(bound));
    }
}

TEST_CASE("FillingGapsStopsWhenItsBudgetIsSpent") {
    const auto intervals = random_intervals(0);
    Order order(intervals.size());
    std::iota(order.begin(), order.end(), 0U);
    std::int64_t budget = 1000;
    CHECK(fill_gaps(intervals, order, kOps, budget).offset.empty());
}

TEST_CASE("NestedIntervalsStackWithoutWaste") {
    const std::vector<Interval> intervals{{0, 9, 100}, {1, 8, 50}, {2, 7, 25}, {4, 4, 10}};
    const auto packing = pack(intervals, 10, 185);
    CHECK(packing.height == 185);
}

TEST_CASE("ABoxRestsOnTheHighestBeneathIt") {
    Skyline skyline(6);
    CHECK(skyline.put(0, 2, 10) == 0);
    CHECK(skyline.put(3, 5, 4) == 0);
    CHECK(skyline.put(4, 5, 4) == 4);
    CHECK(skyline.put(2, 3, 1) == 10);
    CHECK(skyline.put(3, 3, 1) == 11);
    CHECK(skyline.put(0, 1, 1) == 10);
    CHECK(skyline.put(0, 5, 1) == 12);
}

TEST_CASE("AFreedBlockIsReusedAndMergedWithItsNeighbours") {
    FreeList heap;
    CHECK(heap.take(10) == 0);
    CHECK(heap.take(20) == 10);
    CHECK(heap.take(30) == 30);
    heap.release(10, 20);
    CHECK(heap.take(5) == 10);
    heap.release(0, 10);
    heap.release(10, 5);
    CHECK(heap.take(30) == 0);
    heap.release(30, 30);
    CHECK(heap.take(31) == 30);
    CHECK(heap.height() == 61);
}

}  // namespace
}  // namespace headroom
