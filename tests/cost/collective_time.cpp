#include "planner/cost/collective_time.h"

#include "tests/cost/machine.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

constexpr Bytes kGigabyte{1'000'000'000};

double time(const Topology& topology, Axis axis, CollectiveKind kind, Bytes whole = kGigabyte) {
    return milliseconds(collective_time(topology.span(axis), kind, whole).time);
}

TEST_CASE("RingAllReduceMovesTwiceTheShare") {
    const Topology topology(round_machine(), one_node());
    CHECK(time(topology, Axis::data, CollectiveKind::all_reduce) == Approx(2.0 * 7.0 / 8.0 * 10.0));
    CHECK(time(topology, Axis::data, CollectiveKind::all_gather) == Approx(7.0 / 8.0 * 10.0));
    CHECK(time(topology, Axis::data, CollectiveKind::reduce_scatter) == Approx(7.0 / 8.0 * 10.0));
    CHECK(time(topology, Axis::data, CollectiveKind::all_to_all) == Approx(7.0 / 8.0 * 10.0));
}

TEST_CASE("BandwidthTimeIsVolumeOverRateInOneDomain") {
    const Topology topology(round_machine(), one_node());
    for (const auto kind : {CollectiveKind::all_reduce, CollectiveKind::all_gather,
                            CollectiveKind::reduce_scatter, CollectiveKind::all_to_all}) {
        const Bytes sent = volume({.kind = kind, .size = 8}, kGigabyte, kGigabyte);
        CHECK(time(topology, Axis::data, kind) ==
              Approx(milliseconds(sent / gigabytes_per_second(100.0))));
    }
}

TEST_CASE("CrossNodeGroupIsSlowerThanNvlink") {
    const Topology near(round_machine(), {.data = 8});
    const Topology far(round_machine(), {.data = 8, .tensor = 8});
    for (std::size_t kind = 0; kind < kCollectiveNames.size(); ++kind) {
        const auto which = static_cast<CollectiveKind>(kind);
        INFO(kCollectiveNames[kind]);
        CHECK(time(far, Axis::data, which) > 5.0 * time(near, Axis::data, which));
    }
}

TEST_CASE("GroupThatFillsANodeUsesAllItsNetworkLinks") {
    // 16 ranks on two nodes: each node takes in half of 1 GB through 8 links of 10 GB/s, which is
    // faster than the 7/8 GB that cross each GPU's NVLink.
    const Topology whole(round_machine(), {.data = 16});
    CHECK(time(whole, Axis::data, CollectiveKind::all_gather) == Approx(8.75));
    // With tensor groups of 8 every data group has one link of a node to itself.
    const Topology shared(round_machine(), {.data = 2, .tensor = 8});
    CHECK(time(shared, Axis::data, CollectiveKind::all_gather) == Approx(50.0));
}

TEST_CASE("AllToAllPaysTheNetworkForItsShareOfFarPeers") {
    const Topology topology(round_machine(), {.data = 16});
    CHECK(time(topology, Axis::data, CollectiveKind::all_to_all) == Approx(0.5 / 10.0 * 1e3));
}

TEST_CASE("TreeBeatsRingWhenHopsCostMoreThanBytes") {
    auto gpu = round_machine();
    gpu.network_latency = Seconds{10e-6};
    const Topology topology(gpu, {.data = 256, .tensor = 8});
    const auto small =
        collective_time(topology.span(Axis::data), CollectiveKind::all_reduce, Bytes{1024});
    CHECK(small.latency_bound);
    CHECK(small.time.count() == Approx(2.0 * 8.0 * 10e-6).epsilon(0.05));
}

TEST_CASE("LatencyOfARingGrowsWithItsHops") {
    auto gpu = round_machine();
    gpu.link_latency = Seconds{2e-6};
    gpu.network_latency = Seconds{10e-6};
    const Topology topology(gpu, {.data = 16});
    const auto empty = collective_time(topology.span(Axis::data), CollectiveKind::all_gather, {});
    CHECK(empty.time.count() == Approx(14.0 * 2e-6 + 10e-6));
}

TEST_CASE("GroupOfOneIsFree") {
    const Topology topology(round_machine(), {});
    for (std::size_t kind = 0; kind < kCollectiveNames.size(); ++kind) {
        CHECK(time(topology, Axis::data, static_cast<CollectiveKind>(kind)) == 0.0);
    }
}

}  // namespace
}  // namespace headroom
