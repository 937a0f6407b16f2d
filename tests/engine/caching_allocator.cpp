#include "planner/engine/caching_allocator.h"

#include <random>
#include <vector>

#include "tests/support/catch.h"

using namespace headroom;

namespace {

constexpr std::int64_t kMi = std::int64_t{1} << 20;

/// One request on an empty allocator and what the documented rules make of it.
struct FirstRequest {
    std::int64_t asked;
    std::int64_t allocated;
    std::int64_t reserved;
};

/// Random allocations and releases; what is left is released at the end.
template <class Check>
void churn(CachingAllocator& allocator, unsigned seed, Check check) {
    std::mt19937 random(seed);
    std::vector<CachingAllocator::Handle> held;
    for (int i = 0; i < 2000; ++i) {
        if (!held.empty() && random() % 5 < 2) {
            const std::size_t at = random() % held.size();
            allocator.release(held[at]);
            held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
            const std::int64_t scale = std::int64_t{1} << (random() % 28);
            held.push_back(
                allocator.allocate(Bytes{scale + static_cast<std::int64_t>(random() % 4096)}));
        }
        check(allocator);
    }
    for (const auto handle : held) allocator.release(handle);
}

}  // namespace

TEST_CASE("AFirstRequestTakesTheSegmentTheRulesGiveIt") {
    // Rounded to 512 B; at most 1 MiB from 2 MiB segments, below 10 MiB from 20 MiB ones, larger
    // ones rounded to 2 MiB. The rest of a large block is split off when it exceeds 1 MiB.
    const std::vector<FirstRequest> table{
        {1, 512, 2 * kMi},
        {513, 1024, 2 * kMi},
        {kMi, kMi, 2 * kMi},
        {kMi + 1, kMi + 512, 20 * kMi},
        {10 * kMi - 512, 10 * kMi - 512, 20 * kMi},
        {10 * kMi, 10 * kMi, 10 * kMi},
        {11 * kMi, 12 * kMi, 12 * kMi},  // a rest of 1 MiB stays with the block
        {13 * kMi - 512, 13 * kMi - 512, 14 * kMi},
    };
    for (const auto& row : table) {
        CachingAllocator allocator;
        allocator.allocate(Bytes{row.asked});
        INFO(row.asked);
        CHECK(allocator.reserved().count() == row.reserved);
        CHECK(allocator.allocated().count() == row.allocated);
    }
}

TEST_CASE("TheSmallestBlockThatHoldsARequestIsUsed") {
    CachingAllocator allocator;
    const auto large = allocator.allocate(Bytes{64 * kMi});
    const auto wall = allocator.allocate(Bytes{16 * kMi});
    const auto middle = allocator.allocate(Bytes{32 * kMi});
    const Bytes reserved = allocator.reserved();
    allocator.release(large);
    allocator.release(middle);
    allocator.allocate(Bytes{30 * kMi});
    allocator.allocate(Bytes{60 * kMi});  // only the 64 MiB block still holds it
    CHECK(allocator.reserved() == reserved);
    allocator.release(wall);
}

TEST_CASE("FreeNeighboursJoin") {
    CachingAllocator allocator;
    const auto whole = allocator.allocate(Bytes{40 * kMi});
    allocator.release(whole);
    const auto a = allocator.allocate(Bytes{20 * kMi});
    const auto b = allocator.allocate(Bytes{20 * kMi});
    CHECK(allocator.reserved().count() == 40 * kMi);
    allocator.release(a);
    allocator.release(b);
    allocator.allocate(Bytes{40 * kMi});
    CHECK(allocator.reserved().count() == 40 * kMi);
}

TEST_CASE("FixedSegmentsCannotServeWhatExpandableOnesCan") {
    const auto reserved_after = [](SegmentGrowth growth) {
        CachingAllocator allocator(AllocatorRules{.growth = growth});
        const auto a = allocator.allocate(Bytes{40 * kMi});
        const auto b = allocator.allocate(Bytes{40 * kMi});
        allocator.release(a);
        allocator.release(b);
        allocator.allocate(Bytes{80 * kMi});
        return allocator.reserved().count();
    };
    CHECK(reserved_after(SegmentGrowth::expandable) == 80 * kMi);
    CHECK(reserved_after(SegmentGrowth::fixed) == 160 * kMi);
}

TEST_CASE("WhatIsReservedHoldsWhatIsAllocated") {
    for (const auto growth : {SegmentGrowth::fixed, SegmentGrowth::expandable}) {
        for (unsigned seed = 1; seed <= 10; ++seed) {
            CachingAllocator allocator(AllocatorRules{.growth = growth});
            churn(allocator, seed, [](const CachingAllocator& a) {
                REQUIRE(a.reserved() >= a.allocated());
                REQUIRE(a.peak_reserved() >= a.peak_allocated());
            });
            CHECK(allocator.allocated() == Bytes{});
        }
    }
}

TEST_CASE("TheSameRequestsGiveTheSameFigures") {
    const auto peak = [](unsigned seed) {
        CachingAllocator allocator;
        churn(allocator, seed, [](const CachingAllocator&) {});
        return allocator.peak_reserved();
    };
    CHECK(peak(3) == peak(3));
}

TEST_CASE("EqualStepsSettle") {
    CachingAllocator allocator;
    const auto step = [&] { churn(allocator, 11, [](const CachingAllocator&) {}); };
    step();
    step();
    step();
    const Bytes settled = allocator.reserved();
    for (int i = 0; i < 5; ++i) step();
    CHECK(allocator.reserved() == settled);
}

TEST_CASE("TrimmingReturnsWhollyFreeSegments") {
    CachingAllocator allocator;
    const auto a = allocator.allocate(Bytes{64 * kMi});
    allocator.allocate(Bytes{32 * kMi});
    allocator.release(a);
    allocator.trim();
    CHECK(allocator.reserved().count() == 32 * kMi);
}
