#include <filesystem>
#include <map>
#include <set>

#include "planner/base/json.h"
#include "tests/cli/program.h"
#include "tests/support/catch.h"

using namespace headroom;
using headroom::test::Folder;
using headroom::test::run_headroom;

namespace {

const Json kRequest{{"model", "openai-community/gpt2"},
                    {"hardware", {{"gpu", "h100"}}},
                    {"train", {{"sequence", 512}}}};
const std::string kPlan = "plan gpt2 --gpu h100 --sequence 512 --pin micro_batch=4 ";

/// A sparse layer as the published tensors have it, its projection of two states to one and three
/// norms: the "11.5B unique parameters" of the model's page.
constexpr std::int64_t kExpertOfDeepSeek = std::int64_t{3} * 7168 * 2048;
constexpr std::int64_t kAttentionOfDeepSeek =
    std::int64_t{7168} * 1536 + 1536 + std::int64_t{1536} * 128 * 192 +
    std::int64_t{7168} * (512 + 64) + 512 + std::int64_t{512} * 128 * (128 + 128) +
    std::int64_t{128} * 128 * 7168;
constexpr std::int64_t kPredictionOfDeepSeek =
    257 * kExpertOfDeepSeek + std::int64_t{256} * 7168 + kAttentionOfDeepSeek +
    std::int64_t{2} * 7168 + std::int64_t{2} * 7168 * 7168 + std::int64_t{3} * 7168;

std::set<std::string> keys(const Json& json) {
    std::set<std::string> out;
    for (const auto& [key, value] : json.items()) out.insert(key);
    return out;
}

}  // namespace

TEST_CASE("ThePlanDocumentHasTheKeysThatReadersRelyOn") {
    const auto run = run_headroom("predict - --json", "echo '" + kRequest.dump() + "' |");
    REQUIRE(run.exit == 0);
    const auto plan = run.json();
    CHECK(keys(plan) == std::set<std::string>{"format", "request", "step", "predicted", "verdict",
                                              "band", "stages", "phases", "traffic", "price",
                                              "notes"});
    CHECK(plan.at("format") == 1);
    const auto& device = plan.at("predicted").at("memory_bytes").at("device");
    for (const auto* key : {"parameters", "master", "gradients", "optimizer", "activations",
                            "logits", "workspace", "communication", "reserved", "total"}) {
        CHECK(device.contains(key));
    }
    for (const auto* key : {"model_flops", "hardware_flops", "step_seconds", "tokens_per_second",
                            "mfu", "gpu_hours", "usd", "peak"}) {
        CHECK(plan.at("predicted").contains(key));
    }
    CHECK(plan.at("verdict").at("fits") == true);
}

TEST_CASE("APlanIsWrittenReadBackAndPredictedTheSame") {
    const Folder folder;
    const auto file = folder.file("plan.json");
    const auto planned = run_headroom(kPlan + "-q -o " + file);
    REQUIRE(planned.exit == 0);
    CHECK(planned.out.starts_with("fits"));
    const auto text = read_text_file(file);
    const auto again = run_headroom("predict --json " + file);
    CHECK(again.exit == 0);
    CHECK(again.error.empty());
    CHECK(again.out == text);
    CHECK(run_headroom("predict --json - <" + file).out == text);
}

TEST_CASE("SearchResultsHaveAVersionedDocument") {
    const auto run = run_headroom(kPlan + "--json");
    REQUIRE(run.exit == 0);
    const auto result = run.json();
    CHECK(result.at("format") == 1);
    for (const auto* key : {"best", "front", "neighbours", "ladder", "search"}) {
        CHECK(result.contains(key));
    }
    CHECK(keys(result.at("search")) ==
          std::set<std::string>{"space", "bounded", "evaluated", "lowered", "seconds"});
    CHECK(result.at("best").at("request").at("train").at("micro_batch") == 4);
    const Folder folder;
    CHECK(run_headroom("predict -q " + folder.add("result.json", result)).exit == 0);
}

TEST_CASE("WhatDoesNotFitExitsWith3AndWritesNoPlan") {
    const Folder folder;
    const auto file = folder.file("plan.json");
    const auto run = run_headroom("plan meta-llama/Llama-3.1-405B --gpu rtx-4090 -q -o " + file);
    CHECK(run.exit == 3);
    CHECK(run.out.starts_with("nothing fits"));
    CHECK_FALSE(std::filesystem::exists(file));
    Json request = kRequest;
    request["train"]["micro_batch"] = 8192;
    const auto predicted = run_headroom("predict " + folder.add("request.json", request));
    CHECK(predicted.exit == 3);
    CHECK(contains(predicted.out, "Does not fit"));
}

TEST_CASE("AnotherVersionsDigestIsANoteNotAnError") {
    const Folder folder;
    auto plan = run_headroom("predict - --json", "echo '" + kRequest.dump() + "' |").json();
    plan["step"]["digest"] = "0123456789abcdef";
    const auto run = run_headroom("predict -q " + folder.add("plan.json", plan));
    CHECK(run.exit == 0);
    const auto loud = run_headroom("predict " + folder.add("plan.json", plan));
    CHECK(loud.exit == 0);
    CHECK(contains(loud.error, "0123456789abcdef"));
}

TEST_CASE("StoredNumbersAreNotTrusted") {
    const Folder folder;
    auto plan = run_headroom("predict - --json", "echo '" + kRequest.dump() + "' |").json();
    const auto honest = plan.dump(2) + "\n";
    plan["predicted"]["memory_bytes"]["device"]["total"] = 1;
    CHECK(run_headroom("predict --json " + folder.add("plan.json", plan)).out == honest);
}

TEST_CASE("ExplainTellsThePeakAndTheDials") {
    const Folder folder;
    const auto file = folder.add("request.json", kRequest);
    const auto run = run_headroom("explain --json " + file);
    REQUIRE(run.exit == 0);
    const auto document = run.json();
    CHECK(keys(document) ==
          std::set<std::string>{"format", "plan", "categories", "timeline", "dials"});
    Bytes sum{};
    for (const auto& each : document.at("categories")) {
        sum += Bytes{each.at("bytes").get<std::int64_t>()};
        Bytes items{};
        for (const auto& item : each.at("items")) {
            items += Bytes{item.at("bytes").get<std::int64_t>()};
        }
        INFO(each.at("name"));
        CHECK(items.count() == each.at("bytes"));
    }
    CHECK(sum.count() ==
          document.at("plan").at("predicted").at("memory_bytes").at("device").at("total"));
    CHECK(document.at("dials").size() > 5);
    CHECK(contains(run_headroom("explain " + file).out, "--pin recompute=selective"));
}

TEST_CASE("CompareListsWhatDiffers") {
    const Folder folder;
    Json larger = kRequest;
    larger["train"]["micro_batch"] = 2;
    const auto a = folder.add("a.json", kRequest);
    const auto b = folder.add("b.json", larger);
    const auto document = run_headroom("compare --json " + a + " " + b).json();
    REQUIRE(document.at("settings").size() == 1);
    CHECK(document.at("settings").at(0) ==
          Json{{"setting", "micro_batch"}, {"a", "1"}, {"b", "2"}});
    CHECK(document.at("numbers").at(0).at("difference") > 0);
    CHECK(run_headroom("compare " + a + " " + a).exit == 0);
    const auto measured = folder.add("m.json", {{"measured", {{"seconds", 1}}}});
    const auto refused = run_headroom("compare " + a + " " + measured);
    CHECK(refused.exit == 4);
    CHECK(contains(refused.error, "measurements"));
}

TEST_CASE("ControlCharactersOfANameReachNoTerminal") {
    const Folder folder;
    const std::filesystem::path model = folder.file("red\033[31m\nname");
    std::filesystem::create_directories(model);
    const Json config{{"model_type", "gpt2"}, {"n_embd", 64},      {"n_layer", 1},
                      {"n_head", 4},          {"vocab_size", 256}, {"n_positions", 64}};
    write_file_atomically(model / "config.json", config.dump());
    const auto run = run_headroom("model '" + model.string() + "'");
    INFO(run.error);
    CHECK(run.exit == 0);
    CHECK(contains(run.out, "red\\x1b[31m\\x0aname"));
    CHECK(contains(run.out, "1 layer of width"));
    CHECK_FALSE(contains(run.out, "\033"));
    const auto refused = run_headroom("predict " + folder.add("key.json", {{"red\033[31m\n", 1}}));
    CHECK(refused.exit == 4);
    CHECK(refused.error.find('\n') == refused.error.size() - 1);
    CHECK_FALSE(contains(refused.error, "\033"));
}

TEST_CASE("OneOfAKindIsSingular") {
    Json request = kRequest;
    request["train"]["sequence"] = 1;
    const auto run = run_headroom("predict -", "echo '" + request.dump() + "' |");
    CHECK(contains(run.out, "1 sequence of 1 = 1 token\n"));
}

TEST_CASE("ModelCountsExactly") {
    const auto run = run_headroom("model meta-llama/Llama-3.1-8B -q");
    CHECK(run.out == "8030261248\n");
    const auto document = run_headroom("model meta-llama/Llama-3.1-8B --json").json();
    std::int64_t sum = 0;
    for (const auto& part : document.at("parts")) sum += part.at("count").get<std::int64_t>();
    CHECK(sum == 8030261248);
    CHECK(contains(run_headroom("model -q").out, "openai-community/gpt2\n"));
}

TEST_CASE("AModelIsWrittenAndPlannedFrom") {
    const Folder folder;
    const auto file = folder.file("model.json");
    REQUIRE(run_headroom("model openai-community/gpt2 -q -o " + file).exit == 0);
    const auto again = run_headroom("model --json " + file);
    INFO(again.error);
    REQUIRE(again.exit == 0);
    auto written = read_json_file(file);
    written["origin"] = "inline";
    CHECK(again.json() == written);
    CHECK(run_headroom("plan -q --gpu h100 --sequence 512 --ladder --pin qat=int8 " + file).exit ==
          0);
    Json request = kRequest;
    request["model"] = file;
    CHECK(run_headroom("predict -q " + folder.add("request.json", request)).out ==
          run_headroom("predict -q " + folder.add("preset.json", kRequest)).out);
    written["notes"] = {"red \033[31m"};
    const auto noted = run_headroom("model " + folder.add("noted.json", written));
    CHECK(noted.error == "headroom: red \\x1b[31m\n");
}

TEST_CASE("LayersOfMultiTokenPredictionAreNamedAsLeftOut") {
    const auto document = run_headroom("model deepseek-ai/DeepSeek-V3 --json").json();
    CHECK(document.at("parameters").at("multi_token_prediction") == kPredictionOfDeepSeek);
    CHECK(contains(run_headroom("model deepseek-ai/DeepSeek-V3").out,
                   "not counted and not part of a plan"));
    CHECK(contains(run_headroom("plan deepseek-ai/DeepSeek-V3 --gpu h100 --gpus 1024 --ladder").out,
                   "without its 1 layer of multi-token prediction (" +
                       with_thousands(kPredictionOfDeepSeek) + " parameters)"));
    CHECK_FALSE(contains(run_headroom("model gpt2").out, "multi-token"));
}

TEST_CASE("OwnHardwareFilesAddToTheKnownOnes") {
    const Folder folder;
    const auto file = folder.add("mine.json", {{"base", "h100"}, {"id", "mine"}, {"tdp_w", 650}});
    CHECK(contains(run_headroom("hardware list -q --hardware-file " + file).out, "mine\n"));
    CHECK_FALSE(contains(run_headroom("hardware list -q").out, "mine\n"));
    CHECK(run_headroom("hardware show h100 --json").json().at("id") == "h100-sxm5-80gb");
}

TEST_CASE("SchemasAreThoseOfTheProfiles") {
    for (const auto* kind : {"plan", "request", "hardware", "model"}) {
        const auto run = run_headroom(std::string("schema ") + kind);
        INFO(kind);
        CHECK(run.exit == 0);
        CHECK(run.json().contains("$schema"));
    }
}

TEST_CASE("DoctorAlwaysAnswers") {
    CHECK(run_headroom("doctor").exit == 0);
    const auto broken = run_headroom("doctor --profiles /nonexistent --json");
    CHECK(broken.exit == 4);
    CHECK(contains(broken.out, "\"wrong\""));
}

TEST_CASE("CommittedCompletionsAreThoseOfTheProgram") {
    const std::map<std::string, std::string> files{
        {"bash", "headroom.bash"}, {"zsh", "_headroom"}, {"fish", "headroom.fish"}};
    for (const auto& [shell, file] : files) {
        INFO("headroom completion " << shell << " -o completion/" << file);
        const auto path = std::filesystem::path(HEADROOM_SOURCE) / "completion" / file;
        CHECK(run_headroom("completion " + shell).out == read_text_file(path));
    }
}

TEST_CASE("TheManualNamesEveryVerbAndExitCode") {
    const auto page =
        read_text_file(std::filesystem::path(HEADROOM_SOURCE) / "docs" / "man" / "headroom.1");
    for (const auto* word :
         {"model", "hardware", "plan", "predict", "explain", "compare", "schema", "claims",
          "doctor", "130", "HEADROOM_PROFILES", "B 5", "PLAN MEASUREMENT"}) {
        INFO(word);
        CHECK(contains(page, word));
    }
}
