#include "planner/cost/timeline.h"

#include <vector>

#include "tests/cost/machine.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

StepCost cost_of(const StepGraph& graph) {
    return simulate(graph, TimeModel(round_machine(), one_node()));
}

/// compute + optimizer + exposed_* is the step, and so are the phases.
void check_sums(const StepCost& cost) {
    const TimeClasses& parts = cost.classes;
    const Seconds sum =
        parts.compute + parts.optimizer + parts.exposed_communication + parts.exposed_transfer;
    CHECK(sum.count() == Approx(cost.step.count()).epsilon(1e-12));
    CHECK(cost.total.total().count() == Approx(cost.step.count()).epsilon(1e-12));
}

TEST_CASE("TimelineHidesAsyncGatherBehindCompute") {
    StepGraph graph;
    const TensorId gathered = seven_millisecond_gather(graph, true);
    for (int i = 0; i < 4; ++i) three_milliseconds(graph);
    wait_for(graph, gathered);
    const StepCost cost = cost_of(graph);
    // Two kernels run wholly beside the gather (3.45 ms each), the third for its first 0.1 ms.
    CHECK(milliseconds(cost.step) == Approx(3.45 + 3.45 + 3.015 + 3.0).epsilon(1e-4));
    CHECK(cost.classes.exposed_communication == Seconds{});
    CHECK(milliseconds(cost.classes.communication) == Approx(7.0));
    check_sums(cost);
}

TEST_CASE("WaitExposesWhatIsLeft") {
    StepGraph graph;
    const TensorId gathered = seven_millisecond_gather(graph, true);
    three_milliseconds(graph);
    wait_for(graph, gathered);
    three_milliseconds(graph);
    const StepCost cost = cost_of(graph);
    CHECK(milliseconds(cost.classes.exposed_communication) == Approx(7.0 - 3.45));
    CHECK(milliseconds(cost.step) == Approx(10.0));
    check_sums(cost);
}

TEST_CASE("SynchronousCollectiveIsWhollyExposed") {
    StepGraph graph;
    seven_millisecond_gather(graph, false);
    three_milliseconds(graph);
    const StepCost cost = cost_of(graph);
    CHECK(milliseconds(cost.step) == Approx(10.0));
    CHECK(milliseconds(cost.classes.exposed_communication) == Approx(7.0));
    check_sums(cost);
}

TEST_CASE("CollectivesQueueBehindEachOther") {
    StepGraph graph;
    seven_millisecond_gather(graph, true);
    const TensorId second = seven_millisecond_gather(graph, true);
    wait_for(graph, second);
    CHECK(milliseconds(cost_of(graph).step) == Approx(14.0));
}

TEST_CASE("ACollectiveThatAllWaitForSharesItsWireWithThoseThatAreQueued") {
    StepGraph graph;
    const TensorId fetched = seven_millisecond_gather(graph, true);
    three_milliseconds(graph);  // 3.45 ms beside it: 3.55 ms of it are left
    seven_millisecond_gather(graph, false);
    three_milliseconds(graph);
    wait_for(graph, fetched);
    const StepCost cost = cost_of(graph);
    // Half a wire each until what was left has gone, so it passes and is 3.55 ms late. As much is
    // sent as if one followed the other, and none of it twice.
    CHECK(milliseconds(cost.classes.exposed_communication) == Approx(7.0 + 3.55));
    CHECK(milliseconds(cost.step) == Approx(3.45 + 7.0 + 3.55 + 3.0));
    check_sums(cost);
}

TEST_CASE("ACollectiveThatAllWaitForDelaysALongQueueByItsOwnTime") {
    StepGraph graph;
    TensorId fetched{};
    for (int i = 0; i < 3; ++i) fetched = seven_millisecond_gather(graph, true);
    seven_millisecond_gather(graph, false);
    CHECK(milliseconds(cost_of(graph).classes.exposed_communication) == Approx(28.0));
    three_milliseconds(graph);
    wait_for(graph, fetched);
    const StepCost cost = cost_of(graph);
    // 14 ms of half a wire, then the rest of the queue, 3.45 ms of it beside a kernel.
    CHECK(milliseconds(cost.step) == Approx(28.0));
    CHECK(milliseconds(cost.classes.exposed_communication) == Approx(28.0 - 3.45));
    check_sums(cost);
}

TEST_CASE("WhatNobodyWaitsForDrainsAtTheEndOfTheStep") {
    StepGraph graph;
    three_milliseconds(graph, Phase::backward);
    seven_millisecond_gather(graph, true, Phase::backward);
    const StepCost cost = cost_of(graph);
    CHECK(milliseconds(cost.total.backward) == Approx(3.0));
    CHECK(milliseconds(cost.total.update) == Approx(7.0));
    check_sums(cost);
}

/// Gradient out, update in host memory, weights back. Returns the weights.
TensorId offloaded_update(StepGraph& graph) {
    const TensorId gradient = floats(graph, 25'000'000);
    const TensorId there = floats(graph, 25'000'000, Place::host);
    const TensorId sums = floats(graph, 2, Place::host);
    const TensorId updated = floats(graph, 25'000'000, Place::host);
    const TensorId weights = floats(graph, 25'000'000);
    place(graph, Transfer{.to = Place::host, .from = Place::device}, std::array{gradient},
          std::array{there}, Phase::update);
    place(graph, Update{.place = Place::host}, std::array{updated, there, sums},
          std::array{updated}, Phase::update);
    place(graph, Transfer{.to = Place::device, .from = Place::host}, std::array{updated},
          std::array{weights}, Phase::update);
    return weights;
}

TEST_CASE("OffloadedUpdateIsChargedToCopiesAndHostAlike") {
    for (const bool waited : {false, true}) {
        StepGraph graph;
        const TensorId weights = offloaded_update(graph);
        if (waited) wait_for(graph, weights, Phase::update);
        const StepCost cost = cost_of(graph);
        // 0.1 GB each way at 10 GB/s; between them three passes over it at 50 GB/s.
        CHECK(milliseconds(cost.classes.exposed_transfer) == Approx(20.0));
        CHECK(milliseconds(cost.classes.optimizer) == Approx(6.0).epsilon(1e-3));
        CHECK(cost.copied[static_cast<std::size_t>(Stream::copy_out)] == Bytes{100'000'000});
        check_sums(cost);
    }
}

/// A micro-step with ops of every kind; `backlog` leaves its gather unwaited.
void micro_step(StepGraph& graph, bool first, bool last, bool backlog) {
    if (first) three_milliseconds(graph);
    const TensorId gathered = seven_millisecond_gather(graph, true);
    three_milliseconds(graph);
    if (!backlog) wait_for(graph, gathered);
    three_milliseconds(graph, Phase::backward);
    seven_millisecond_gather(graph, true, Phase::backward);
    if (last) three_milliseconds(graph, Phase::backward);
}

StepGraph folded(std::int64_t count, bool backlog) {
    StepGraph graph;
    graph.micro_steps = count;
    micro_step(graph, true, true, backlog);
    graph.ops.front().when = When::first;
    graph.ops.back().when = When::last;
    three_milliseconds(graph, Phase::update);
    return graph;
}

StepGraph unrolled(std::int64_t count, bool backlog) {
    StepGraph graph;
    for (std::int64_t i = 0; i < count; ++i) micro_step(graph, i == 0, i + 1 == count, backlog);
    three_milliseconds(graph, Phase::update);
    return graph;
}

TEST_CASE("FirstLastMicroStepsCombineExactly") {
    for (const bool backlog : {false, true}) {
        for (const std::int64_t count : {1, 2, 3, 4, 5, 9, 40}) {
            INFO(count << " micro-steps, backlog " << backlog);
            const StepCost short_way = cost_of(folded(count, backlog));
            const StepCost long_way = cost_of(unrolled(count, backlog));
            CHECK(short_way.step.count() == Approx(long_way.step.count()).epsilon(1e-9));
            CHECK(short_way.total.backward.count() ==
                  Approx(long_way.total.backward.count()).epsilon(1e-9));
            CHECK(short_way.classes.exposed_communication.count() ==
                  Approx(long_way.classes.exposed_communication.count()).epsilon(1e-9));
            check_sums(short_way);
        }
    }
}

TEST_CASE("AMiddleMicroStepIsTheSameHoweverManyThereAre") {
    const Seconds middle = cost_of(folded(5, false)).micro.total();
    for (const std::int64_t count : {1, 2, 3, 40}) {
        INFO(count << " micro-steps");
        CHECK(cost_of(folded(count, false)).micro.total().count() == Approx(middle.count()));
    }
}

TEST_CASE("WorkAndTrafficCountEveryRunOfAnOp") {
    const StepCost cost = cost_of(folded(5, false));
    const Traffic& gathers = cost.of(CollectiveKind::all_gather, Axis::shard);
    CHECK(gathers.count == 10);
    CHECK(gathers.sent == Bytes{10 * 700'000'000LL});
    CHECK(milliseconds(gathers.time) == Approx(70.0));
    const double adds = 5.0 + 5.0 + 1.0 + 1.0 + 1.0;
    CHECK(cost.total_work().moved.real() > adds * 3e9);
    CHECK(cost.work[static_cast<std::size_t>(Phase::update)].moved == Bytes{3'000'000'000});
}

TEST_CASE("TraceHoldsAMiddleMicroStepInOrderOfIssue") {
    const StepGraph graph = folded(5, false);
    const auto records = trace(graph, TimeModel(round_machine(), one_node()));
    CHECK(records.size() == graph.ops.size() - 2);
    for (const auto& record : records) {
        CHECK(record.end >= record.start);
        CHECK(graph.ops[record.op].when == When::every);
    }
}

}  // namespace
}  // namespace headroom
