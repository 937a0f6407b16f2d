#include "planner/base/error.h"
#include "planner/search/choice.h"
#include "planner/search/search.h"
#include "tests/support/catch.h"
#include "tests/support/requests.h"

// What a user holds stays held, and what cannot be is said.

using namespace headroom;
using namespace headroom::test;

namespace {

SearchRequest on_h100(const std::string& model, std::int64_t gpus) {
    static const auto kCatalog = HardwareCatalog::load(HEADROOM_PROFILES);
    SearchRequest request{.base = request_for(preset(model), 4096)};
    request.base.hardware = {.gpu = "h100", .gpus = gpus, .profile = kCatalog.gpu("h100", "")};
    return request;
}

SearchRequest llama_on_eight() {
    SearchRequest request = on_h100("meta-llama/Llama-3.1-8B", 8);
    request.global_batch = 64;
    return request;
}

}  // namespace

TEST_CASE("APinnedDegreeOrScheduleIsHeldWhateverElseIsTurned") {
    SearchRequest request = llama_on_eight();
    request.base.layout.data = 2;
    request.pinned = {"data"};
    const auto two = search(request).best;
    REQUIRE(two);
    CHECK(two->request.layout.data == 2);
    request.base.layout = {.tensor = 8, .sequence_parallel = false};
    request.pinned = {"tensor", "sequence_parallel"};
    const auto whole = search(request).best;
    REQUIRE(whole);
    CHECK_FALSE(whole->request.layout.sequence_parallel);
    request.base.layout = {.schedule = PipelineSchedule::interleaved};
    request.pinned = {"schedule"};
    const auto chunked = search(request).best;
    REQUIRE(chunked);
    CHECK(chunked->request.layout.interleave > 1);
}

TEST_CASE("ADetailOfRecomputationImpliesItsMode") {
    SearchRequest request = llama_on_eight();
    request.base.recompute.every = 2;
    request.pinned = {"recompute_every"};
    const auto best = search(request).best;
    REQUIRE(best);
    CHECK(best->request.recompute.mode == RecomputeMode::every);
    CHECK(best->request.recompute.every == 2);
}

TEST_CASE("ARequestThatNoConfigurationMakesLegalIsRefused") {
    SearchRequest request = on_h100("openai-community/gpt2", 1);  // 1,024 positions
    CHECK_THROWS_AS(search(request), InputError);
    request.base.train.sequence = 1024;
    CHECK(search(request).best);
    request.base.train.gradient = DType::f16;  // beside bf16
    CHECK_THROWS_AS(search(request), InputError);
}

TEST_CASE("WhatCostsMoreThanTheBudgetIsToldAsThat") {
    SearchRequest request = llama_on_eight();
    request.base.train.tokens = 1'000'000'000;
    request.budget = Usd{1.0};
    const SearchResult found = search(request);
    CHECK_FALSE(found.best);
    CHECK(found.nearest.find("the budget is $1.00") != std::string::npos);
}

TEST_CASE("TheDefaultBatchHasManyFactorsAndHoldsWhatIsPinned") {
    SearchRequest request = on_h100("meta-llama/Llama-3.1-8B", 8);
    CHECK(default_global_batch(request) == 1024);  // 4.2 million tokens
    request.base.train.goal = Goal::finetune;
    CHECK(default_global_batch(request) == 64);
    request.base.train.micro_batch = 3;
    request.pinned = {"micro_batch"};
    CHECK(default_global_batch(request) == 48);
    request.base.train.accumulation = 5;
    request.pinned = {"micro_batch", "accumulation"};
    CHECK(default_global_batch(request) == 120);
    request.base.hardware.gpus = 7;
    request.pinned = {};
    CHECK(default_global_batch(request) == 56);
}
