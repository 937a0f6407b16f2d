#include "planner/cost/price.h"

#include "planner/base/error.h"
#include "tests/cost/machine.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

/// Eight GPUs for one second at the peak.
StepAmounts perfect_second() {
    return {.time = Seconds{1.0},
            .tokens = 1000,
            .model = Flops{8e15},
            .executed = Flops{8e15},
            .gpus = 8};
}

TEST_CASE("MfuOfPerfectMachineIsOne") {
    const Rates rate = rates(perfect_second(), round_machine());
    CHECK(rate.mfu == Approx(1.0));
    CHECK(rate.hfu == Approx(1.0));
    CHECK(rate.tokens_per_second == Approx(1000.0));
}

TEST_CASE("RecomputationRaisesHfuAlone") {
    auto step = perfect_second();
    step.executed = step.model * (4.0 / 3.0);
    step.time = Seconds{2.0};
    const Rates rate = rates(step, round_machine());
    CHECK(rate.mfu == Approx(0.5));
    CHECK(rate.hfu == Approx(2.0 / 3.0));
}

TEST_CASE("RatesNeedAPeakForTheComputeDtype") {
    auto step = perfect_second();
    step.compute = DType::f8;
    CHECK_THROWS_AS(rates(step, round_machine()), InputError);
}

TEST_CASE("RunCostsGpuHoursTimesPrice") {
    const RunCost cost = run_cost(perfect_second(), 3'600'000, round_machine(), Usd{2.5});
    CHECK(cost.steps == 3600);
    CHECK(cost.time.count() == Approx(3600.0));
    CHECK(cost.gpu_hours == Approx(8.0));
    CHECK(cost.usd.count() == Approx(20.0));
    CHECK(cost.price_source == "your price");
}

TEST_CASE("EnergyIsTheNodesWhenKnownElseTheTdp") {
    auto gpu = round_machine();
    CHECK(run_cost(perfect_second(), 3'600'000, gpu).energy_kwh == Approx(8 * 0.5));
    gpu.node.power_kw = 10.0;
    CHECK(run_cost(perfect_second(), 3'600'000, gpu).energy_kwh == Approx(10.0));
}

TEST_CASE("UnknownPriceSaysSo") {
    const RunCost cost = run_cost(perfect_second(), 3'600'000, round_machine());
    CHECK(cost.usd == Usd{});
    CHECK_THAT(cost.price_source, Catch::Matchers::Contains("unknown"));
}

TEST_CASE("NothingAskedCostsNothing") {
    CHECK(run_cost(perfect_second(), 0, round_machine()).gpu_hours == 0.0);
}

}  // namespace
}  // namespace headroom
