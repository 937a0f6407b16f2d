#include "planner/cost/topology.h"

#include "tests/cost/machine.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

std::int64_t fan(const Span& span, Wire wire) {
    return span.levels[static_cast<std::size_t>(wire)].fan;
}

TEST_CASE("TensorGroupStaysInTheNodeAndDataGroupCrosses") {
    const Topology topology(round_machine(), {.data = 4, .tensor = 8});
    CHECK(topology.span(Axis::tensor).outermost() == Wire::nvlink);
    CHECK(topology.span(Axis::tensor).per_domain == 8);
    CHECK(topology.span(Axis::data).outermost() == Wire::network);
    CHECK(topology.span(Axis::data).per_domain == 1);
    CHECK(fan(topology.span(Axis::data), Wire::network) == 4);
}

TEST_CASE("FansOfEveryAxisMultiplyToItsSize") {
    const ParallelLayout layout{
        .data = 8, .tensor = 2, .context = 2, .pipeline = 4, .expert = 8, .shard = 8};
    const Topology topology(round_machine(), layout);
    const std::array<std::int64_t, kAxisNames.size()> sizes{16, 8, 2, 2, 2, 2, 8, 4};
    for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
        const Span span = topology.span(static_cast<Axis>(axis));
        INFO(kAxisNames[axis]);
        CHECK(span.size == sizes[axis]);
        std::int64_t product = 1;
        for (const auto& level : span.levels) product *= level.fan;
        CHECK(product == span.size);
    }
}

TEST_CASE("ShardGroupOfANodeStaysInItAndItsReplicasCross") {
    const Topology topology(round_machine(), {.data = 32, .shard = 8});
    CHECK(topology.span(Axis::shard).outermost() == Wire::nvlink);
    CHECK(topology.span(Axis::replica).outermost() == Wire::network);
    CHECK(topology.span(Axis::replica).per_domain == 1);
}

TEST_CASE("PipelineIsSlowestAndCrossesFirst") {
    const Topology topology(round_machine(), {.data = 2, .tensor = 4, .pipeline = 2});
    CHECK(topology.span(Axis::pipeline).outermost() == Wire::network);
    CHECK(topology.span(Axis::data).outermost() == Wire::nvlink);
}

TEST_CASE("WithoutNvlinkPeersShareHalfOfPcie") {
    auto gpu = round_machine();
    gpu.nvlink = Bandwidth{};
    const Span span = Topology(gpu, one_node()).span(Axis::data);
    CHECK(span.outermost() == Wire::pcie);
    CHECK(span.per_domain == 8);
    CHECK(in_gb(Bytes{static_cast<std::int64_t>(span.levels[1].rate.count())}) == Approx(5.0));
}

TEST_CASE("BridgedPairsReachTheRestOfTheNodeByPcie") {
    auto gpu = round_machine();
    gpu.node.nvlink_domain = 2;
    const Span span = Topology(gpu, {.data = 16}).span(Axis::data);
    CHECK(fan(span, Wire::nvlink) == 2);
    CHECK(fan(span, Wire::pcie) == 4);
    CHECK(fan(span, Wire::network) == 2);
}

TEST_CASE("RackWideNvlinkDomainHoldsManyNodes") {
    auto gpu = round_machine();
    gpu.node.gpus = 4;
    gpu.node.nvlink_domain = 72;
    const Topology topology(gpu, {.data = 144});
    CHECK(fan(topology.span(Axis::data, 72), Wire::nvlink) == 72);
    CHECK(fan(topology.span(Axis::data), Wire::network) == 2);
}

TEST_CASE("SmallGroupOfAMeshHasOnlyItsOwnLinks") {
    auto gpu = round_machine();
    gpu.nvlink_pair = gigabytes_per_second(15.0);
    const Topology topology(gpu, {.data = 8});
    CHECK(topology.span(Axis::data, 2).levels[0].rate == gigabytes_per_second(15.0));
    CHECK(topology.span(Axis::data, 8).levels[0].rate == gigabytes_per_second(100.0));
}

}  // namespace
}  // namespace headroom
