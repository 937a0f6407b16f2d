#include "planner/plan/plan.h"
#include "tests/support/catch.h"
#include "tests/support/requests.h"

// What a prediction says of pipelines, experts, nodes and phases, beside what its words promise.

using namespace headroom;
using namespace headroom::test;

namespace {

PlanRequest small_request() {
    static const auto kCatalog = HardwareCatalog::load(HEADROOM_PROFILES);
    PlanRequest request = request_for(small_llama());
    request.hardware.profile = kCatalog.gpu("h100-sxm5-80gb", "");
    return request;
}

}  // namespace

TEST_CASE("PartsOfAPipelinedStepAddUpToIt") {
    auto request = small_request();
    request.hardware.gpus = 8;
    for (const std::int64_t micro_steps : {1, 2, 8}) {
        INFO(micro_steps << " micro-steps");
        request.layout = {.data = 2, .pipeline = 4, .zero = 1};
        request.train.accumulation = micro_steps;
        const CostBreakdown cost = predict(request).predicted.cost;
        const Seconds parts = cost.compute + cost.exposed_communication + cost.transfer +
                              cost.optimizer + cost.bubble;
        CHECK(parts.count() == Approx(cost.step.count()).epsilon(1e-9));
    }
}

TEST_CASE("MoreMicroBatchesTakeAPipelineMoreTime") {
    auto request = small_request();
    request.hardware.gpus = 8;
    request.layout = {.data = 2, .pipeline = 4, .zero = 1};
    Seconds before{};
    for (const std::int64_t micro_steps : {1, 2, 3, 4, 8}) {
        INFO(micro_steps << " micro-steps");
        request.train.accumulation = micro_steps;
        const Seconds step = predict(request).predicted.cost.step;
        CHECK(step > before);
        before = step;
    }
}

namespace {

PlanRequest spread_experts() {
    auto request = small_request();
    request.model.moe = MoeSpec{.experts = 8, .top_k = 2, .expert_width = 512};
    request.model.moe_layers.assign(static_cast<std::size_t>(request.model.layers), true);
    request.hardware.gpus = 4;
    request.layout = {.data = 4, .expert = 4, .zero = 1};
    return request;
}

}  // namespace

TEST_CASE("EmptySlotsOfExpertsAreExecutedButNotTheMathematics") {
    PlanRequest request = spread_experts();
    const CostBreakdown dropless = predict(request).predicted.cost;
    request.train.capacity_factor = 2.0;
    const CostBreakdown padded = predict(request).predicted.cost;
    CHECK(padded.model_flops == dropless.model_flops);
    CHECK(padded.hardware_flops > dropless.hardware_flops);
    CHECK(padded.mfu < dropless.mfu);
}

TEST_CASE("WhatTheFullestRankHasMoreOthersLack") {
    PlanRequest request = spread_experts();
    const CostBreakdown even = predict(request).predicted.cost;
    request.train.moe_imbalance = 2.0;
    const CostBreakdown uneven = predict(request).predicted.cost;
    CHECK(uneven.hardware_flops == even.hardware_flops);
    CHECK(uneven.step > even.step);
}

TEST_CASE("StagesOfANodeShareItsHostMemory") {
    auto request = small_request();
    request.hardware.gpus = 4;
    request.layout = {.data = 1, .pipeline = 4};
    request.train.accumulation = 4;
    request.offload.optimizer = Tier::cpu;
    const Prediction predicted = predict(request).predicted;
    Bytes sum{};
    for (const auto& rank : predicted.stages) sum += rank.host;
    CHECK(predicted.host_node == sum);
    for (const auto& rank : predicted.stages) {
        const Stage stage = stage_of(request, rank.stage);
        CHECK(rank.peak_layer < stage.chunks.back().last);
        CHECK((rank.peak_layer < 0 || rank.peak_layer >= stage.chunks.front().first));
    }
}

TEST_CASE("ARankStagesItsOwnShardOfOneUnit") {
    auto request = small_request();
    const auto host_of = [&](std::size_t phase) {
        return predict(request).predicted.phases[phase].host.real();
    };
    request.hardware.gpus = 1;
    request.layout = {};
    const double read = host_of(0);
    const double written = host_of(2);
    request.hardware.gpus = 4;
    request.layout = {.data = 4, .zero = 3};
    // Four ranks with a quarter each, whatever is read or written.
    CHECK(host_of(0) == Approx(read).epsilon(1e-6));
    CHECK(host_of(2) == Approx(written).epsilon(1e-6));
    request.layout.zero = 0;
    CHECK(host_of(0) == Approx(4.0 * read).epsilon(1e-6));
}
