#include "planner/base/json.h"
#include "tests/cli/program.h"
#include "tests/support/catch.h"

using namespace headroom;
using headroom::test::Folder;
using headroom::test::run_headroom;

TEST_CASE("APlanForAFrameworkIsForecastAsItsToolsShowIt") {
    const Folder folder;
    const auto file = folder.file("plan.json");
    const auto plan = run_headroom(
        "plan meta-llama/Llama-3.1-8B --gpu rtx-4090 --goal adapt --sequence 2048 --engine hf "
        "--json -o " +
        file);
    INFO(plan.error);
    REQUIRE(plan.exit == 0);
    const Json chosen = plan.json().at("engine");
    CHECK(chosen.at("fits") == true);
    CHECK(chosen.at("plan").at("request").at("engine") == "hf");

    // The saved plan is that one with its forecast, and predicting it again says the same.
    Json saved = chosen.at("plan");
    saved["engine"] = chosen;
    saved["engine"].erase("plan");
    CHECK(read_json_file(file) == saved);
    const auto again = run_headroom("predict --json " + file);
    INFO(again.error);
    REQUIRE(again.exit == 0);
    CHECK(again.json() == saved);
    const auto& memory = saved.at("engine").at("memory_gib");
    CHECK(memory.at("allocated") <= memory.at("reserved"));
    CHECK(memory.at("reserved") < memory.at("process").at("expected"));
}

TEST_CASE("EveryKeyOfAForecastStandsInTheSchemaOfAPlan") {
    const auto said = run_headroom("schema plan").json().at("properties").at("engine");
    const auto plan = run_headroom(
        "plan openai-community/gpt2 --gpu h100 --sequence 512 --pin micro_batch=4 --engine hf "
        "--json");
    INFO(plan.error);
    REQUIRE(plan.exit == 0);
    Json forecast = plan.json().at("engine");
    forecast.erase("plan");
    CHECK(said.at("required").size() == forecast.size());
    for (const auto& [key, value] : forecast.items()) {
        INFO(key);
        REQUIRE(said.at("properties").contains(key));
        if (!value.is_object()) continue;
        for (const auto& [inner, unused] : value.items()) {
            INFO(inner);
            CHECK(said.at("properties").at(key).at("properties").contains(inner));
        }
    }
}

TEST_CASE("WhatOurRuntimeHoldsMayNotFitWithAFramework") {
    const Folder folder;
    const auto file = folder.file("plan.json");
    REQUIRE(
        run_headroom(
            "plan meta-llama/Llama-3.1-8B --gpu rtx-4090 --goal adapt --sequence 2048 -o " + file)
            .exit == 0);
    CHECK(run_headroom("predict " + file).exit == 0);
    const auto run = run_headroom("predict --engine hf " + file);
    CHECK(run.exit == 3);
    CHECK(run.out.find("With hf (trainer) does not fit") != std::string::npos);
    CHECK(run_headroom("predict --engine headroom " + file).exit == 0);
}

TEST_CASE("APlanForAFrameworkOffloadsNothingWhenItFitsWithout") {
    const auto plan = run_headroom(
        "plan meta-llama/Llama-3.1-70B --gpu h100-sxm5-80gb --gpus 256 --engine fsdp --json");
    REQUIRE(plan.exit == 0);
    const Json request = plan.json().at("engine").at("plan").at("request");
    for (const auto& technique : request.at("techniques")) CHECK(technique.at("id") != "offload");
}
