#include <string>
#include <vector>

#include "planner/base/json.h"
#include "runtime/backend.h"
#include "tests/runtime/run_program.h"
#include "tests/support/catch.h"

// The command line of headroom-run: what it refuses, its help and its manual page.

using namespace headroom;
using namespace headroom::test;

TEST_CASE("OptionsThatCannotBeMeantAreRefusedBeforeAnythingRuns") {
    const Bench bench;
    const std::string plan = bench.plan("plan.json");
    const std::string folder = bench.file("adapter");
    struct Row {
        std::string words;
        int exit;
        std::string says;
    };
    const std::vector<Row> rows{
        {"--lr nan", 2, "--lr: is \"nan\", must be a number above 0;"},
        {"--lr 0", 2, "--lr: is \"0\", must be a number above 0;"},
        {"--epsilon nan", 2, "must be a number above 0;"},
        {"--clip nan", 2, "must be a number from 0 up;"},
        {"--beta1 nan", 2, "must be a number from 0 to below 1;"},
        {"--beta1 1", 2, "must be a number from 0 to below 1;"},
        {"--beta2 1", 2, "must be a number from 0 to below 1;"},
        {"--warmup -1", 2, "--warmup: "},
        {"--merge", 2, "--merge requires --save"},
        {"--checkpoint-every 2", 2, "--checkpoint-every requires --checkpoint"},
        {"-o ''", 2, "--output: is empty"},
        {"--detect", 2, "--detect takes no plan"},
        {"--data-format text", 2, "--data-format requires --data"},
        {"--resume a --init b", 4, "--init: the checkpoint of --resume holds all weights"},
        {"--resume a --init-adapter b", 2, "--init-adapter excludes --resume"},
        {"--resume a --loss-scale 8", 2, "--resume excludes --loss-scale"},
        {"--json-lines --json", 2, "--json-lines excludes --json"},
        {"--momentum 0.9", 4, "--momentum: the plan's optimizer adamw has none"},
        {"--loss-scale 8", 4,
         "--loss-scale: the plan computes in fp32, the loss is scaled in fp16"},
        {"--growth-interval 5", 4, "--growth-interval: the plan computes in fp32"},
        {"--save-adapter " + folder, 4, "--save-adapter: the plan has no adapter"},
        {"--merge --save " + folder, 4, "--merge: the plan has no adapter"},
        {"--device cuda", 4, "--device cuda: "},
    };
    for (const auto& [words, exit, says] : rows) {
        if (words == "--device cuda" && cuda_missing().empty()) continue;
        const Ended ended = bench.run(plan + " --steps 1 -q " + words);
        INFO(words << ": " << ended.error);
        CHECK(ended.exit == exit);
        CHECK(ended.error.find(says) != std::string::npos);
        CHECK(std::ranges::count(ended.error, '\n') == 1);
    }
    CHECK_FALSE(std::filesystem::exists(folder));
}

TEST_CASE("WhatThePlansStepDoesNotReadIsRefused") {
    const Bench bench;
    const std::string sgd = bench.plan("sgd.json", "--goal pretrain --pin optimizer=sgd");
    for (const auto* option : {"--beta1", "--beta2", "--epsilon"}) {
        const Ended ended = bench.run(sgd + " --steps 1 -q " + option + " 0.5");
        CHECK(ended.exit == 4);
        CHECK(ended.error ==
              fmt::format("headroom-run: {}: the plan's optimizer sgd has none\n", option));
    }
    CHECK(good(bench.run(sgd + " --steps 1 -q --momentum 0.5").exit));
    const std::string lion = bench.plan("lion.json", "--goal pretrain --pin optimizer=lion");
    CHECK(bench.run(lion + " --steps 1 -q --epsilon 0.5").exit == 4);
    CHECK(good(bench.run(lion + " --steps 1 -q --beta1 0.5 --beta2 0.5").exit));
    Json half = read_json_file(sgd).at("request");
    half["train"]["compute"] = half["train"]["gradient"] = "fp16";
    write_file_atomically(bench.file("half.json"), half.dump());
    const Ended scaled =
        bench.run(bench.file("half.json") + " --steps 1 --loss-scale 8 --growth-interval 5 --json");
    INFO(scaled.error);
    REQUIRE(good(scaled.exit));
    CHECK(scaled.json().at("steps").at(0).at("loss_scale") == 8.0);
}

TEST_CASE("DetectingTakesNothingOfARun") {
    const Ended ended = Bench().run("--detect --steps 4");
    CHECK(ended.exit == 2);
    CHECK(ended.error == "headroom-run: --detect takes no --steps; see headroom-run --help\n");
}

TEST_CASE("HelpOfRunShowsDefaults") {
    const Ended help = Bench().run("--help");
    CHECK(help.exit == 0);
    for (const auto* words : {"--lr X:above 0=0.0003", "--steps INT:INT in [1 - 1000000000]=10",
                              "--policy TEXT:{planned,per-tensor}=planned"}) {
        INFO(help.out);
        CHECK(help.out.find(words) != std::string::npos);
    }
}

TEST_CASE("TheManualOfRunNamesEveryOption") {
    std::string page =
        read_text_file(std::filesystem::path(HEADROOM_SOURCE) / "docs" / "man" / "headroom-run.1");
    std::erase(page, '\\');
    std::istringstream help(Bench().run("--help").out);
    int options = 0;
    for (std::string word; help >> word;) {
        const std::string option = word.substr(word.rfind(',') + 1);
        if (!option.starts_with("--") || option == "--help" || option == "--version") continue;
        if (option == "--output" || option == "--quiet") continue;  // named by their letters
        INFO(option);
        CHECK(page.find(option) != std::string::npos);
        ++options;
    }
    CHECK(options > 25);
}
