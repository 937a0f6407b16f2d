#include "planner/engine/forecast.h"

#include <string>

#include "planner/base/error.h"
#include "planner/base/json.h"
#include "planner/engine/abilities.h"
#include "planner/lower/parameter_count.h"
#include "planner/spec/hardware_profile.h"
#include "tests/support/catch.h"
#include "tests/support/requests.h"

using namespace headroom;
using namespace headroom::test;

namespace {

TimingProfile shipped_timing() {
    const Json json = read_json_file(HEADROOM_PROFILES "/engines/timing.json");
    return timing_profile_from_json(JsonCursor(json, ""));
}

/// A model that one GPU holds, for the engine of that name.
PlanRequest request_of(const std::string& engine) {
    static const HardwareCatalog kCatalog = HardwareCatalog::load(HEADROOM_PROFILES);
    PlanRequest request = request_for(small_llama(4), 2048);
    request.hardware = {.gpu = "h100", .gpus = 1, .profile = kCatalog.gpu("h100", "")};
    request.engine = engine;
    return request;
}

}  // namespace

TEST_CASE("AnEngineIsFoundByItsIdAndByItsVersion") {
    CHECK(&engine_of("megatron") == &engine_named("megatron", "core"));
    CHECK(&engine_of("megatron-2022") == &engine_named("megatron", "2022"));
    CHECK(&engine_of("fsdp-torchtitan-2024") == &engine_named("fsdp", "torchtitan-2024"));
    CHECK_THROWS_AS(engine_of("headrom"), InputError);
    try {
        static_cast<void>(engine_of("headrom"));
    } catch (const InputError& error) {
        const std::string sentence = error.what();
        const auto names = sentence.substr(sentence.find(": ", sentence.find("one of")) + 2);
        CHECK(&engine_of(names.substr(0, names.find(','))) == engines().data());
    }
}

TEST_CASE("EveryEngineForecastsWhatItsToolsShowInTheirOrder") {
    const TimingProfile timing = shipped_timing();
    for (const auto& engine : engines()) {
        const auto name = std::string(engine.id) + "-" + std::string(engine.version);
        INFO(name);
        const EngineForecast out = forecast(request_of(name), timing);
        CHECK(out.engine == &engine);
        CHECK(out.memory.states + out.memory.buffers <= out.memory.allocated);
        CHECK(out.memory.allocated <= out.memory.reserved);
        CHECK(out.memory.reserved < out.memory.process);
        CHECK(out.odds.fits);
        CHECK(out.odds.out_of_memory < 0.05);
        CHECK(out.step > Seconds{});
        CHECK(out.gpu_numbers == "GH100");
    }
}

TEST_CASE("AGpuThatNobodyMeasuredTakesItsFamilysNumbers") {
    const TimingProfile timing = shipped_timing();
    PlanRequest request = request_of("megatron");
    request.hardware.profile.id = "another";
    request.hardware.profile.aliases.clear();
    request.hardware.profile.chip = "AD104";
    CHECK(forecast(request, timing).gpu_numbers == "workstation");
    request.hardware.profile.chip = "unheard of";
    CHECK(forecast(request, timing).gpu_numbers.empty());
}

TEST_CASE("AnFp32MasterCostsAForecastWhatItsDtypesSay") {
    const TimingProfile timing = shipped_timing();
    PlanRequest with = request_of("megatron");
    PlanRequest without = with;
    without.train.master = false;
    const Bytes dearer =
        forecast(with, timing).memory.states - forecast(without, timing).memory.states;
    // Megatron's moments are fp32 either way.
    CHECK(dearer.real() ==
          Approx(4.0 * static_cast<double>(count_parameters(with.model).total())).epsilon(1e-6));
}

TEST_CASE("AForecastsPartsAddUpToWhatIsAllocated") {
    const TimingProfile timing = shipped_timing();
    for (const auto& engine : engines()) {
        const auto name = std::string(engine.id) + "-" + std::string(engine.version);
        INFO(name);
        PlanRequest request = request_of(name);
        request.recompute.mode = RecomputeMode::layer;  // so that the update is the peak of some
        const EngineMemory memory = forecast(request, timing).memory;
        CHECK(memory.states + memory.buffers + memory.transient == memory.allocated);
    }
}

TEST_CASE("AShardedMastersGradientHasItsDtypeAndItsShards") {
    const TimingProfile timing = shipped_timing();
    PlanRequest request = request_of("fsdp");
    request.hardware.gpus = 8;
    request.layout = {.data = 8, .zero = 3};
    request.recompute.mode = RecomputeMode::layer;
    const auto parameters = static_cast<double>(count_parameters(request.model).total());
    const auto states = [&] { return forecast(request, timing).memory.states.real(); };
    const double one = forecast(request, timing).memory.allocated.real();
    request.train.accumulation = 2;
    CHECK(states() == Approx(16.0 * parameters / 8.0).epsilon(1e-3));
    CHECK(forecast(request, timing).memory.allocated.real() >= one);
    // Stage 2 gives up sharding of the weights that it computes with, and of nothing else.
    request.layout.zero = 2;
    CHECK(states() == Approx(16.0 * parameters / 8.0).epsilon(1e-3));
}

TEST_CASE("WhatIsLikelyToRunOutIsNotCalledTight") {
    EngineForecast it{.memory = {.process = gibibytes(20.0)}, .capacity = gibibytes(21.0)};
    it.odds = {.out_of_memory = 0.2};
    CHECK(chances(it) == Chances::tight);
    it.odds.out_of_memory = 0.8;
    CHECK(chances(it) == Chances::unlikely);
    it.capacity = gibibytes(19.0);
    CHECK(chances(it) == Chances::too_large);
    it = {.memory = {.process = gibibytes(20.0)}, .capacity = gibibytes(80.0)};
    it.odds.fits = true;
    CHECK(chances(it) == Chances::fits);
}

TEST_CASE("OnlyAFrameworkOnTorchIsReadWithItsTools") {
    for (const auto& engine : engines()) {
        INFO(engine.id << " " << engine.version);
        const bool own = engine.id == "llm.c" || engine.id == "llmq";
        const auto shown = memory_tools(engine);
        CHECK(shown.allocated.starts_with("torch.cuda") == !own);
        CHECK(shown.reserved.starts_with("torch.cuda") == !own);
    }
}

TEST_CASE("LessCapacityIsMoreLikelyToRunOut") {
    const TimingProfile timing = shipped_timing();
    double before = 1.0;
    for (const double capacity : {10.0, 20.0, 40.0, 80.0}) {
        const auto odds = capacity_odds(gibibytes(20.0), gibibytes(capacity), "hf", timing);
        CHECK(odds.out_of_memory < before);
        CHECK(odds.out_of_memory >= 0.0);
        before = odds.out_of_memory;
    }
}

TEST_CASE("EveryEngineSaysWhatItOffers") {
    for (const auto& engine : engines()) {
        INFO(engine.id << " " << engine.version);
        CHECK(abilities_of(engine) != Abilities{});  // nobody offers everything
    }
}
