#include <algorithm>
#include <map>

#include "planner/base/json.h"
#include "planner/plan/plan.h"
#include "planner/spec/hardware_profile.h"
#include "planner/step/dump.h"
#include "planner/step/memory_plan.h"
#include "planner/step/verify.h"
#include "tests/support/catch.h"
#include "tests/support/recipes.h"

// What holds for every plan, over random recipes.

using namespace headroom;
using namespace headroom::test;

namespace {

/// No two storages that are alive in one op share a byte: a map of the occupied ranges, op by op.
/// -> storages that lie on another's bytes or outside the arena.
int overlaps(const StepGraph& graph, const std::vector<Lifetime>& lives, const MemoryPlan& plan) {
    std::vector<std::vector<std::size_t>> starts(graph.ops.size());
    std::vector<std::vector<std::size_t>> ends(graph.ops.size());
    int wrong = 0;
    for (std::size_t i = 0; i < plan.offset.size(); ++i) {
        if (plan.offset[i] < Bytes{} || storage_size(graph.tensors[i]) == Bytes{}) continue;
        wrong += plan.offset[i] + storage_size(graph.tensors[i]) > plan.arena ? 1 : 0;
        starts[static_cast<std::size_t>(lives[i].first)].push_back(i);
        ends[static_cast<std::size_t>(lives[i].last)].push_back(i);
    }
    std::map<Bytes, Bytes> occupied;  // begin, end
    for (std::size_t at = 0; at < graph.ops.size(); ++at) {
        for (const auto i : starts[at]) {
            const Bytes begin = plan.offset[i];
            const Bytes end = begin + storage_size(graph.tensors[i]);
            const auto next = occupied.lower_bound(begin);
            wrong += next != occupied.end() && next->first < end ? 1 : 0;
            wrong += next != occupied.begin() && std::prev(next)->second > begin ? 1 : 0;
            occupied.emplace(begin, end);
        }
        for (const auto i : ends[at]) occupied.erase(plan.offset[i]);
    }
    return wrong;
}

/// Calls check(recipe) for random recipes on an H100.
template <class Check>
void for_recipes(unsigned seed, int count, Check check) {
    static const auto kCatalog = HardwareCatalog::load(HEADROOM_PROFILES);
    Recipes recipes(seed);
    for (int i = 0; i < count; ++i) {
        PlanRequest request = recipes.next();
        Json document = to_json(request);
        document.erase("hardware");
        INFO(i << " " << document.dump());
        request.hardware.profile = kCatalog.gpu("h100-sxm5-80gb", "");
        check(request);
    }
}

Stage last_stage(const PlanRequest& request) {
    return stage_of(request, request.layout.pipeline - 1);
}

}  // namespace

TEST_CASE("EveryRecipeLowersToAVerifiedStep") {
    for_recipes(21, 200, [](const PlanRequest& request) {
        for (std::int64_t stage = 0; stage < request.layout.pipeline; ++stage) {
            CHECK_NOTHROW(lower(request, stage_of(request, stage)));
        }
    });
}

TEST_CASE("EveryRecipeLowersToTheSameStepTwice") {
    for_recipes(22, 100, [](const PlanRequest& request) {
        const PlanRequest copy = request;
        const auto once = digest(lower(request, last_stage(request), false).graph);
        CHECK(digest(lower(copy, last_stage(copy), true).graph) == once);
    });
}

TEST_CASE("PlannedStoragesNeverOverlapAndNeedNoLessThanTheirPeak") {
    for_recipes(23, 100, [](const PlanRequest& request) {
        const Lowering lowering = lower(request, last_stage(request), false);
        const auto lives = lifetimes(lowering.graph);
        for (const Place place : {Place::device, Place::host}) {
            const MemoryPlan plan = memory_plan(lowering.graph, lives, place);
            CHECK(plan.lower_bound == peak(lowering.graph, lives, place).total);
            CHECK(plan.arena >= plan.lower_bound);
            CHECK(overlaps(lowering.graph, lives, plan) == 0);
        }
    });
}

TEST_CASE("EstimateIsThePredictionWithoutTheArenasGaps") {
    for_recipes(24, 60, [](const PlanRequest& request) {
        const Estimate fast = estimate(request);
        const Plan plan = predict(request);
        const auto& rank = plan.predicted.worst_rank();
        const Lowering lowering = lower(request, stage_of(request, rank.stage), false);
        const MemoryPlan arena =
            memory_plan(lowering.graph, lifetimes(lowering.graph), Place::device);
        CHECK(fast.worst == plan.predicted.worst);
        CHECK(fast.device == rank.device.total() - (arena.arena - arena.lower_bound));
        CHECK(plan.predicted.band.expected == rank.device.total());
        CHECK(fast.host_node == plan.predicted.host_node);
        CHECK(fast.nvme_node == plan.predicted.nvme_node);
        CHECK(fast.step.count() == Approx(plan.predicted.cost.step.count()).epsilon(1e-6));
        CHECK(plan.predicted.digest == digest(lowering.graph));
    });
}
