#include "planner/step/memory_plan.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>

#include "planner/step/verify.h"
#include "tests/step/sample_graph.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

/// No two storages that are alive in one op share a byte, checked op by op with a map of the
/// occupied ranges.
void check_disjoint(const StepGraph& graph, const std::vector<Lifetime>& lives,
                    const MemoryPlan& plan) {
    std::vector<std::vector<std::size_t>> starts(graph.ops.size());
    std::vector<std::vector<std::size_t>> ends(graph.ops.size());
    for (std::size_t i = 0; i < plan.offset.size(); ++i) {
        if (plan.offset[i] < Bytes{}) continue;
        REQUIRE(plan.offset[i].count() % kAlignment == 0);
        REQUIRE(plan.offset[i] + storage_size(graph.tensors[i]) <= plan.arena);
        starts[static_cast<std::size_t>(lives[i].first)].push_back(i);
        ends[static_cast<std::size_t>(lives[i].last)].push_back(i);
    }
    std::map<Bytes, Bytes> occupied;  // begin, end
    for (std::size_t at = 0; at < graph.ops.size(); ++at) {
        for (const auto i : starts[at]) {
            const Bytes begin = plan.offset[i];
            const Bytes end = begin + storage_size(graph.tensors[i]);
            const auto next = occupied.lower_bound(begin);
            REQUIRE((next == occupied.end() || next->first >= end));
            REQUIRE((next == occupied.begin() || std::prev(next)->second <= begin));
            occupied.emplace(begin, end);
        }
        for (const auto i : ends[at]) occupied.erase(plan.offset[i]);
    }
}

MemoryPlan planned(const StepGraph& graph) {
    const auto lives = lifetimes(graph);
    MemoryPlan plan = memory_plan(graph, lives, Place::device);
    check_disjoint(graph, lives, plan);
    CHECK(plan.arena >= plan.lower_bound);
    CHECK(plan.lower_bound == peak(graph, lives, Place::device).total);
    return plan;
}

/// Bytes beyond the least that any plan needs, as a share of the transient bytes at the peak.
double waste(const StepGraph& graph, const MemoryPlan& plan) {
    Bytes transient = plan.lower_bound;
    for (const auto& tensor : graph.tensors) {
        if (tensor.persistent && tensor.place == Place::device) transient -= storage_size(tensor);
    }
    return (plan.arena - plan.lower_bound) / std::max(transient, Bytes{1});
}

/// Storages with random sizes that live for random stretches of the step.
StepGraph random_graph(unsigned seed) {
    std::mt19937 random(seed);
    SampleGraph build;
    std::vector<TensorId> live{build.input({64, 8})};
    for (int at = 0; at < 200; ++at) {
        const auto pick = std::uniform_int_distribution<std::size_t>(0, live.size() - 1)(random);
        const auto width = std::uniform_int_distribution<std::int64_t>(1, 4000)(random);
        const std::int64_t in = build.graph[live[pick]].shape[1];
        const TensorId weight = build.parameter("weight", {width, in}, false);
        live.push_back(build.one(Linear{}, {live[pick], weight}, "linear"));
    }
    return std::move(build.graph);
}

TEST_CASE("StoragesAliveTogetherShareNoByte") {
    for (unsigned seed = 0; seed < 20; ++seed) {
        const auto graph = random_graph(seed);
        const double share = waste(graph, planned(graph));
        CHECK(share < 0.15);
    }
}

TEST_CASE("PersistentStoragesLieAtTheBottom") {
    SampleGraph build;
    const TensorId weight = build.parameter("weight", {100, 100});
    const TensorId x = build.input({8, 100});
    build.one(Linear{}, {x, weight}, "linear");
    const auto plan = planned(build.graph);
    CHECK(plan.offset[static_cast<std::size_t>(weight.index)] == Bytes{0});
    const TensorId gradient = build.graph[weight].parameter.gradient;
    CHECK(plan.offset[static_cast<std::size_t>(gradient.index)] == Bytes{20480});
    CHECK(plan.offset[static_cast<std::size_t>(x.index)] >= Bytes{20480 + 40448});
    CHECK(plan.arena == plan.lower_bound);
}

TEST_CASE("ViewsAndOtherPlacesHaveNoOffset") {
    SampleGraph build;
    const TensorId x = build.input({8, 64});
    const auto parts = build.emit(SplitColumns{.a = 32, .b = 32}, {x}, "split");
    const TensorId host = build.transient("away", {8, 64}, DType::bf16, Place::host);
    build.put(Transfer{}, {x}, {host});
    build.put(Wait{}, {x, host}, {});
    const auto plan = planned(build.graph);
    CHECK(plan.offset[static_cast<std::size_t>(parts[0].index)] == Bytes{-1});
    CHECK(plan.offset[static_cast<std::size_t>(host.index)] == Bytes{-1});
    CHECK(plan.arena == Bytes{1024});
    const auto away = memory_plan(build.graph, lifetimes(build.graph), Place::host);
    CHECK(away.offset[static_cast<std::size_t>(host.index)] == Bytes{0});
}

TEST_CASE("AnEmptyGraphNeedsNoArena") {
    const auto plan = planned(StepGraph{});
    CHECK(plan.arena == Bytes{});
}

TEST_CASE("ADecoderStepPacksWithinOnePercentOfItsPeak") {
    for (const std::int32_t layers : {1, 2, 8, 32}) {
        for (const std::int64_t vocabulary : {32768, 128256}) {
            const auto graph = decoder({.layers = layers, .vocabulary = vocabulary});
            const auto plan = planned(graph);
            INFO(layers << " layers, vocabulary " << vocabulary);
            CHECK(waste(graph, plan) < 0.005);
        }
    }
}

TEST_CASE("AStepOfHundredsOfLayersIsPlannedInMilliseconds", "[.speed]") {
    const auto graph = decoder({.layers = 400});
    const auto lives = lifetimes(graph);
    const auto time = [](const char* what, auto work) {
        const auto begin = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double, std::milli> taken =
            std::chrono::steady_clock::now() - begin;
        WARN(what << ": " << taken.count() << " ms");
    };
    WARN(graph.ops.size() << " ops, " << graph.tensors.size() << " tensors");
    time("verify", [&] { verify(graph); });
    time("plan", [&] { WARN(waste(graph, memory_plan(graph, lives, Place::device))); });
}

}  // namespace
}  // namespace headroom
