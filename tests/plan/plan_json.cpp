#include "planner/plan/plan_json.h"

#include "planner/base/json.h"
#include "planner/plan/comparison.h"
#include "planner/plan/explain.h"
#include "tests/spec/request_documents.h"
#include "tests/support/catch.h"
#include "tests/support/requests.h"

using namespace headroom;

namespace {

Json document() {
    Json out = plain_document("openai-community/gpt2", 2);
    out["train"] = {{"sequence", 256}, {"micro_batch", 2}, {"tokens", 1000000}};
    return out;
}

Plan sample() { return predict(read_request(document())); }

StoredPlan read(const Json& json) { return plan_from_json({json, ""}, shipped_library()); }

std::string refusal(const Json& json) {
    return input_error([&] { read(json); });
}

}  // namespace

TEST_CASE("APlanReadsBackToItsRequestAndDigest") {
    const Plan plan = sample();
    const auto stored = read(to_json(plan));
    CHECK(stored.request == plan.request);
    CHECK(stored.digest == plan.predicted.digest);
    CHECK_FALSE(stored.digest.empty());
    CHECK(to_json(predict(stored.request)) == to_json(plan));
}

TEST_CASE("AFrameworksForecastInAPlanIsNotRead") {
    const Plan plan = sample();
    Json document = to_json(plan);
    document["engine"] = {{"id", "hf"}, {"fits", false}};
    const auto stored = read(document);
    CHECK(stored.request == plan.request);
    CHECK(stored.digest == plan.predicted.digest);
}

TEST_CASE("ABareRequestHasNoDigest") {
    const auto stored = read(document());
    CHECK(stored.digest.empty());
    CHECK(stored.request == read_request(document()));
}

TEST_CASE("TheBestOfASearchResultIsAPlan") {
    const Plan plan = sample();
    CHECK(read({{"format", 1}, {"best", to_json(plan)}}).request == plan.request);
    CHECK(contains(refusal({{"format", 1}, {"best", nullptr}}), "nothing fitted"));
}

TEST_CASE("DocumentsOfOtherKindsAreRefused") {
    CHECK(contains(refusal({{"measured", {{"seconds", 1}}}}), "/measured: holds measurements"));
    Json plan = to_json(sample());
    plan["predictd"] = 1;
    CHECK(contains(refusal(plan), "/predictd: is not a known key; the nearest is \"predicted\""));
    plan.erase("predictd");
    plan["step"] = 3;
    CHECK(contains(refusal(plan), "/step: must be an object"));
    CHECK(contains(refusal(Json::array()), "must be an object"));
}

TEST_CASE("CategoriesOfEveryStageAddUp") {
    const Json plan = to_json(sample());
    for (const auto& stage : plan.at("stages")) {
        std::int64_t sum = 0;
        for (const auto& [key, value] : stage.at("device").items()) {
            if (key != "total") sum += value.get<std::int64_t>();
        }
        CHECK(sum == stage.at("device").at("total"));
    }
}

TEST_CASE("EveryKeyOfAPlanStandsInItsSchema") {
    const auto schema =
        read_json_file(std::filesystem::path(HEADROOM_PROFILES) / "schema" / "plan.schema.json");
    const Json plan = to_json(sample());
    for (const auto& [key, value] : plan.items()) {
        INFO(key);
        CHECK(schema.at("properties").contains(key));
    }
    const auto& predicted = schema.at("properties").at("predicted");
    for (const auto& [key, value] : plan.at("predicted").items()) {
        INFO(key);
        CHECK(predicted.at("properties").contains(key));
    }
    for (const auto& key : predicted.at("required")) CHECK(plan.at("predicted").contains(key));
}

TEST_CASE("AComparisonOfAPlanWithItselfIsEmpty") {
    const Plan plan = sample();
    const auto comparison = compare(plan, plan);
    CHECK(comparison.settings.empty());
    CHECK(comparison.numbers.size() == plan_numbers().size());
    for (const auto& row : comparison.numbers) {
        INFO(row.name);
        CHECK(row.difference() == 0.0);
        CHECK(difference_to_string(row.unit, row.difference()) == "=");
    }
}

TEST_CASE("ExplainedItemsAddUpToTheirCategories") {
    auto request = read_request(document());
    request.hardware.gpus = 4;
    request.layout = {.data = 2, .pipeline = 2};
    request.train.accumulation = 4;
    const Plan plan = predict(request);
    const auto explanation = explain(plan);
    Bytes sum{};
    for (const auto& category : explanation.categories) {
        Bytes items{};
        for (const auto& item : category.items) items += item.bytes;
        INFO(category.name);
        CHECK(items == category.bytes);
        sum += category.bytes;
    }
    CHECK(sum == plan.predicted.worst_rank().device.total());
}

TEST_CASE("DialsKeepTheBatchAndTheGpus") {
    const auto request = read_request(document());
    bool more_gpus = false;
    for (const auto& dial : dials(request)) {
        INFO(dial.knob << " " << dial.to);
        CHECK(dial.from != dial.to);
        CHECK(dial.memory > Bytes{});
        more_gpus = more_gpus || (dial.knob == "gpus" && dial.to == "4");
    }
    CHECK(more_gpus);
}
