#include <cmath>

#include "planner/base/json.h"
#include "planner/plan/explain.h"
#include "planner/plan/plan.h"
#include "planner/plan/plan_json.h"
#include "tests/support/catch.h"
#include "tests/support/cpu_machine.h"
#include "tests/support/requests.h"

using namespace headroom;
using namespace headroom::test;

namespace {

/// The small byte-level model, eight sequences of its whole context at once.
PlanRequest on_cpu(DType compute) {
    PlanRequest request = request_for(preset("headroom/llama-15m"), 512);
    request.hardware = {.profile = cpu_profile()};
    request.train.micro_batch = 8;
    request.train.compute = request.train.gradient = compute;
    return request;
}

}  // namespace

TEST_CASE("ASmallModelIsPlannedOnAProcessor") {
    constexpr double kParameters = 10818432.0;
    constexpr double kTokens = 8 * 512;
    for (const auto compute : {DType::f32, DType::bf16, DType::f16}) {
        INFO(name(compute));
        const Plan plan = predict(on_cpu(compute));
        const Prediction& p = plan.predicted;
        CHECK(std::holds_alternative<Fits>(plan.verdict));
        CHECK(p.parameters == 10818432);
        // Weights, gradients, two moments and, with 16-bit weights, a master copy: 16 bytes each.
        const MemoryBreakdown& device = p.worst_rank().device;
        const Bytes states = device[Role::parameter] + device[Role::gradient] +
                             device[Role::master] + device[Role::optimizer];
        CHECK(states.real() == Approx(16.0 * kParameters).epsilon(0.01));
        CHECK(p.host_node == Bytes{});
        CHECK(p.nvme_node == Bytes{});
        CHECK(p.band.low == p.band.expected);  // no driver that could differ
        CHECK(p.band.high == p.band.expected);
        CHECK(p.traffic.empty());
        // Six FLOPs a matrix parameter and token, and attention; a step takes about a second.
        const double matrices = kParameters - 256.0 * 384.0 - 13.0 * 384.0;
        const double attention = 6.0 * 6.0 * 512.0 * 384.0;
        CHECK(p.cost.model_flops.count() ==
              Approx((6.0 * matrices + attention) * kTokens).epsilon(1e-9));
        const double least = p.cost.model_flops.count() / 1e12;
        CHECK(p.cost.step.count() > least);
        CHECK(p.cost.step.count() < 4.0 * least);
        CHECK(std::isfinite(p.cost.step_high.count()));
        CHECK(p.cost.exposed_communication == Seconds{});
    }
}

TEST_CASE("APlanForAProcessorIsReadBack") {
    const Plan plan = predict(on_cpu(DType::bf16));
    const Json json = to_json(plan);
    CHECK(json.at("request").at("hardware").dump().find("\"CPU\"") != std::string::npos);
    CHECK(json.dump().find("null") == std::string::npos);  // what NaN and infinity become
    const auto again = parse_json(json.dump(), "plan");
    CHECK(again == json);
}

TEST_CASE("AShortfallOnAProcessorIsNotAnsweredWithOffloading") {
    PlanRequest request = on_cpu(DType::f32);
    request.train.micro_batch = 2000;
    const Plan plan = predict(request);
    REQUIRE(std::holds_alternative<Shortfall>(plan.verdict));
    const auto& remedies = std::get<Shortfall>(plan.verdict).remedies;
    CHECK_FALSE(remedies.empty());
    for (const auto& remedy : remedies) {
        INFO(remedy);
        CHECK(remedy.find("offload") == std::string::npos);
    }
}

TEST_CASE("QuantizedAdaptersPageNothingOnAProcessor") {
    PlanRequest request = on_cpu(DType::bf16);
    request.train.goal = Goal::adapt;
    request.adapter.kind = AdapterKind::qlora;
    REQUIRE(request.adapter.paged_optimizer);
    const Plan plan = predict(request);
    CHECK(plan.predicted.host_node == Bytes{});
    CHECK(std::holds_alternative<Fits>(plan.verdict));
}
