#include <array>

#include "planner/lower/lower.h"
#include "planner/step/lifetime.h"
#include "planner/step/verify.h"
#include "tests/support/catch.h"
#include "tests/support/recipes.h"

// Seeded faults: a step with one operand more or fewer must not look like the step it came from, or
// the tests of memory could not fail.

using namespace headroom;
using namespace headroom::test;

namespace {

constexpr int kLivenessRecipes = 60;

Bytes device_peak(const StepGraph& graph) {
    return peak(graph, lifetimes(graph), Place::device).total;
}

/// The largest transient of the device that is gone when the peak comes; none when nothing is.
TensorId gone_before_peak(const StepGraph& graph, bool gradient) {
    const auto lives = lifetimes(graph);
    const auto at = static_cast<std::int32_t>(peak(graph, lives, Place::device).op);
    TensorId best{};
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph.tensors.size()); ++i) {
        const auto& tensor = graph.tensors[static_cast<std::size_t>(i)];
        const Lifetime life = lives[static_cast<std::size_t>(i)];
        if (tensor.persistent || tensor.place != Place::device || life.first < 0) continue;
        if (life.last >= at || tensor.label.gradient != gradient) continue;
        if (!best.valid() || storage_size(tensor) > storage_size(graph[best])) best = TensorId{i};
    }
    return best;
}

/// Puts a reader of `id` at the end of the step.
void read_late(StepGraph& graph, TensorId id) {
    OpNode node = graph.make(Wait{}, std::array{id}, {});
    node.phase = graph.ops.back().phase;
    graph.ops.push_back(node);
}

/// Checks that reading such a tensor late costs its bytes. -> whether there is one.
bool check_late_reader(const PlanRequest& request, bool gradient) {
    Lowering lowering = lower(request, stage_of(request, request.layout.pipeline - 1), false);
    StepGraph& graph = lowering.graph;
    const TensorId id = gone_before_peak(graph, gradient);
    if (!id.valid()) return false;
    const Bytes before = device_peak(graph);
    read_late(graph, id);
    CHECK(device_peak(graph) == before + storage_size(graph[id]));
    return true;
}

}  // namespace

TEST_CASE("ALateReaderOfAValueRaisesThePeakByItsBytes") {
    Recipes recipes(31);
    int gradients = 0;
    int values = 0;
    for (int i = 0; i < kLivenessRecipes; ++i) {
        const PlanRequest request = recipes.next();
        gradients += check_late_reader(request, true) ? 1 : 0;
        values += check_late_reader(request, false) ? 1 : 0;
    }
    CHECK(gradients > kLivenessRecipes / 10);
    CHECK(values > kLivenessRecipes / 10);
}

TEST_CASE("AStepWithoutOneOfItsOpsIsRefused") {
    Recipes recipes(32);
    for (int i = 0; i < kLivenessRecipes; ++i) {
        const PlanRequest request = recipes.next();
        Lowering lowering = lower(request, stage_of(request, request.layout.pipeline - 1), false);
        StepGraph& graph = lowering.graph;
        // Of the ops with outputs that are not persistent and are read, one.
        const auto lives = lifetimes(graph);
        std::size_t at = graph.ops.size() / 3;
        const auto needed = [&](const OpNode& node) {
            if (node.out_count == 0 || node.phase == Phase::update) return false;
            const TensorId out = graph.outputs(node)[0];
            const auto& root = graph[graph.storage(out)];
            const auto life = lives[static_cast<std::size_t>(graph.storage(out).index)];
            return !root.persistent && life.first == static_cast<std::int32_t>(at) &&
                   life.last > life.first;
        };
        while (!needed(graph.ops[at])) ++at;
        graph.ops.erase(graph.ops.begin() + static_cast<std::ptrdiff_t>(at));
        CHECK_THROWS(verify(graph));
    }
}
