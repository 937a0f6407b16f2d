#include "tests/runtime/run_program.h"

#include <chrono>
#include <sstream>
#include <thread>

#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "runtime/data/safetensors_reader.h"
#include "tests/support/catch.h"

using namespace headroom;
using namespace headroom::test;

namespace {

/// Waits until the run's output has `lines` lines.
void wait_for_lines(const std::string& file, std::size_t lines) {
    for (int i = 0; i < 3000; ++i) {
        std::error_code missing;
        if (std::filesystem::exists(file, missing)) {
            const std::string text = read_text_file(file);
            if (static_cast<std::size_t>(std::ranges::count(text, '\n')) >= lines) return;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    FAIL("the run said nothing for a minute");
}

}  // namespace

TEST_CASE("AResumedRunEndsInTheSameBitsAsAnUninterruptedOne") {
    const Bench bench;
    const std::string plan = bench.plan("plan.json");
    const auto whole = losses_of(
        measured(bench, plan + " --steps 6 --warmup 4 --checkpoint " + bench.file("whole.ckpt")));
    const auto first = losses_of(
        measured(bench, plan + " --steps 3 --warmup 4 --checkpoint " + bench.file("half.ckpt")));
    const auto second = losses_of(measured(bench, plan + " --steps 6 --warmup 4 --resume " +
                                                      bench.file("half.ckpt") + " --checkpoint " +
                                                      bench.file("resumed.ckpt")));
    CHECK(first == std::vector<double>(whole.begin(), whole.begin() + 3));
    CHECK(second == std::vector<double>(whole.begin() + 3, whole.end()));
    CHECK(read_text_file(bench.file("resumed.ckpt")) == read_text_file(bench.file("whole.ckpt")));
}

TEST_CASE("ACheckpointOfAdaptersLeavesTheirBaseOutAndKnowsIt") {
    const Bench bench;
    const std::string plan = bench.plan(
        "plan.json", "--goal adapt --pin adapter=dora --pin lora_rank=2 --pin lora_targets=o_proj");
    const std::string base = bench.file("base.safetensors");
    REQUIRE(good(bench.run(bench.plan("whole.json") + " --steps 2 -q --save " + base).exit));
    const std::string init = plan + " --init " + base;
    const auto whole =
        losses_of(measured(bench, init + " --steps 6 --checkpoint " + bench.file("whole.ckpt")));
    const std::string half = bench.file("half.ckpt");
    measured(bench, init + " --steps 3 --checkpoint " + half);
    const auto second =
        losses_of(measured(bench, init + " --steps 6 --resume " + half + " --checkpoint " +
                                      bench.file("resumed.ckpt")));
    CHECK(second == std::vector<double>(whole.begin() + 3, whole.end()));
    CHECK(read_text_file(bench.file("resumed.ckpt")) == read_text_file(bench.file("whole.ckpt")));
    // In each of two layers, o's 32 x 32 matrix has two matrices of rank 2 and a magnitude, each
    // number of which has two moments; all are fp32. The base has 30 thousand.
    std::int64_t stored = 0;
    const SafetensorsFile file(half);
    for (const auto& tensor : file.tensors()) stored += std::ssize(file.bytes(tensor));
    CHECK(stored == 2 * (2 * (32 + 32) + 32) * 3 * 4);
    const Ended other = bench.run(plan + " --steps 6 -q --resume " + half);
    CHECK(other.exit == 4);
    CHECK(other.error.find("--init and --seed must be those of its run") != std::string::npos);
}

TEST_CASE("ARunThatGoesOnWithOtherTokensSaysSo") {
    const Bench bench;
    const std::string plan = bench.plan("plan.json");
    const std::string checkpoint = bench.file("run.ckpt");
    measured(bench, plan + " --steps 1 --checkpoint " + checkpoint);
    write_file_atomically(bench.file("other.txt"), std::string(4096, 'x'));
    const auto notes_of = [&](const std::string& words) {
        return measured(bench, plan + " --steps 2 --resume " + checkpoint + words)
            .at("notes")
            .dump();
    };
    CHECK(notes_of("").find("read other tokens") == std::string::npos);
    CHECK(notes_of(" --data " + bench.file("other.txt")).find("read other tokens (synthetic") !=
          std::string::npos);
}

TEST_CASE("AMachineThatWasMeasuredIsAProfileToPlanOn") {
    const Bench bench;
    bench.plan("any.json");
    const Ended detected =
        bench.command(HEADROOM_PROGRAM, "hardware -q detect -o " + bench.file("this-machine.json"));
    INFO(detected.error);
    REQUIRE(detected.exit == 0);
    const Json profile = read_json_file(bench.file("this-machine.json"));
    CHECK(profile.at("vendor") == "CPU");
    CHECK(profile.at("peak_tflops").at("fp32") > 0.0);
    CHECK(profile.at("memory_bandwidth_gb_s") > 0.0);
    const Ended planned = bench.command(HEADROOM_PROGRAM, "plan " + bench.file("config.json") +
                                                              " --sequence 32 -q --gpu " +
                                                              bench.file("this-machine.json"));
    INFO(planned.error);
    CHECK(planned.exit == 0);
}

TEST_CASE("CtrlCEndsAfterTheStepAndStillWritesTheMeasurement") {
    const Bench bench;
    const std::string plan = bench.plan("plan.json");
    const pid_t child = bench.start(
        {plan, "--steps", "1000000", "--json-lines", "-o", bench.file("measurement.json")});
    wait_for_lines(bench.file("stdout"), 3);
    ::kill(child, SIGINT);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 130);
    const Json document = read_json_file(bench.file("measurement.json"));
    CHECK(document.at("interrupted") == true);
    CHECK(document.at("steps").size() >= 2);
}

TEST_CASE("JsonLinesAreOneObjectALineFromStartToEnd") {
    const Bench bench;
    const Ended ended = bench.run(bench.plan("plan.json") + " --steps 3 --json-lines");
    REQUIRE(good(ended.exit));
    std::istringstream lines(ended.out);
    std::vector<std::string> events;
    for (std::string line; std::getline(lines, line);) {
        events.push_back(parse_json(line, "line").at("event"));
    }
    CHECK(events == std::vector<std::string>{"start", "step", "step", "step", "end"});
}

TEST_CASE("KillingARunLeavesTheLastGoodCheckpoint") {
    const Bench bench;
    const std::string plan = bench.plan("plan.json");
    const std::string checkpoint = bench.file("run.ckpt");
    for (int i = 0; i < 4; ++i) {
        std::error_code ignored;
        std::filesystem::remove(bench.file("stdout"), ignored);
        std::vector<std::string> words{plan,
                                       "--steps",
                                       "1000000",
                                       "--json-lines",
                                       "--checkpoint",
                                       checkpoint,
                                       "--checkpoint-every",
                                       "1"};
        if (i > 0) words.insert(words.end(), {"--resume", checkpoint});
        const pid_t child = bench.start(words);
        wait_for_lines(bench.file("stdout"), static_cast<std::size_t>(4 + i));
        std::this_thread::sleep_for(std::chrono::milliseconds(7 * i));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        REQUIRE(std::filesystem::exists(checkpoint));
    }
    const Ended ended =
        bench.run(plan + " --steps 1000000 --resume " + checkpoint + " --json-lines | head -n 2");
    std::istringstream lines(ended.out);
    std::string start;
    std::string step;
    REQUIRE(std::getline(lines, start));
    REQUIRE(std::getline(lines, step));
    CHECK(parse_json(step, "line").at("step") >= 10);  // 4 starts, at least 2 steps and more each
}

TEST_CASE("APlanOfAnotherVersionIsNamedAndRunOnlyWhenAsked") {
    const Bench bench;
    Json plan = read_json_file(bench.plan("plan.json"));
    plan["step"]["digest"] = "0000000000000000";
    write_file_atomically(bench.file("other.json"), plan.dump());
    const Ended refused = bench.run(bench.file("other.json") + " --steps 1");
    CHECK(refused.exit == 4);
    CHECK(refused.error.find("digest") != std::string::npos);
    CHECK(refused.error.find("--anyway") != std::string::npos);
    CHECK(good(bench.run(bench.file("other.json") + " --steps 1 --anyway").exit));
}

TEST_CASE("AFullDiskIsOneSentenceAndLeavesNothing") {
    const Bench bench;
    const std::string plan = bench.plan("plan.json");
    // Files of at most 16 blocks of 512 bytes: the weights have more.
    const Ended ended =
        bench.run(plan + " --steps 1 -q --save " + bench.file("weights.safetensors"),
                  "trap '' XFSZ; ulimit -f 16;");
    CHECK(ended.exit != 0);
    CHECK(ended.error.find("weights.safetensors") != std::string::npos);
    CHECK(std::ranges::count(ended.error, '\n') == 1);
    CHECK_FALSE(std::filesystem::exists(bench.file("weights.safetensors")));
    CHECK_FALSE(leaves_temporary_files(bench));
}

TEST_CASE("SavedWeightsGoOnWhereTheyWere") {
    const Bench bench;
    const std::string plan = bench.plan("plan.json");
    const auto trained = losses_of(measured(
        bench, plan + " --steps 20 --lr 3e-3 --save " + bench.file("weights.safetensors")));
    const auto again =
        losses_of(measured(bench, plan + " --steps 1 --init " + bench.file("weights.safetensors")));
    CHECK(trained.back() < trained.front() - 0.02);
    CHECK(again.front() < trained.front() - 0.02);
}

TEST_CASE("AMergedAdapterGivesTheLossOfBaseAndAdapter") {
    const Bench bench;
    const std::string full = bench.plan("full.json");
    const std::string lora =
        bench.plan("lora.json", "--goal adapt --pin adapter=lora --pin lora_rank=4");
    const std::string base = bench.file("base.safetensors");
    measured(bench, full + " --steps 2 --save " + base);
    measured(bench, lora + " --steps 8 --lr 1e-2 --init " + base + " --save-adapter " +
                        bench.file("adapter") + " --merge --save " +
                        bench.file("merged.safetensors"));
    CHECK(std::filesystem::exists(bench.file("adapter/adapter_config.json")));
    const auto kept =
        losses_of(measured(bench, lora + " --steps 1 --init " + base + " --init-adapter " +
                                      bench.file("adapter/adapter_model.safetensors")));
    const auto merged =
        losses_of(measured(bench, full + " --steps 1 --init " + bench.file("merged.safetensors")));
    const auto before = losses_of(measured(bench, full + " --steps 1 --init " + base));
    CHECK(merged.front() == Approx(kept.front()).epsilon(1e-6));
    CHECK(merged.front() != Approx(before.front()).epsilon(1e-6));
}

TEST_CASE("OneRankOfManyAgreesInMemoryAndFlopsAndSaysThatCommunicationWasNotMeasured") {
    const std::string zero = GENERATE("1", "3");
    const Bench bench;
    bench.plan("any.json");
    const Ended planned = bench.command(
        HEADROOM_PROGRAM, "plan " + bench.file("config.json") +
                              " --gpu h100-sxm5-80gb --gpus 4 --sequence 32 --global-batch 8 "
                              "--goal pretrain --pin data=2 --pin tensor=2 --pin zero=" +
                              zero + " -o " + bench.file("four.json"));
    REQUIRE(planned.exit == 0);
    for (const int rank : {0, 3}) {
        const Ended ended =
            bench.run(bench.file("four.json") + " --steps 2 --device cpu -q --rank " +
                      std::to_string(rank) + " -o " + bench.file("rank.json"));
        INFO(ended.error);
        REQUIRE(good(ended.exit));
        const Json rows =
            bench
                .command(HEADROOM_PROGRAM, "compare " + bench.file("four.json") + " " +
                                               bench.file("rank.json") + " --json")
                .json();
        bool told = false;
        for (const auto& row : rows.at("findings")) {
            INFO(row.dump());
            told = told ||
                   row.at("reason").get<std::string>().find("not measured") != std::string::npos;
            if (row.at("group") == "memory" || row.at("group") == "FLOPs") {
                CHECK(row.at("agreement") != "outside");
            }
        }
        CHECK(told);
    }
    const Ended fifth = bench.run(bench.file("four.json") + " --rank 4");
    CHECK(fifth.exit == 4);
}

TEST_CASE("ALossThatIsNoNumberEndsTheRunWithASentence") {
    const Bench bench;
    const Ended ended = bench.run(bench.plan("plan.json") + " --steps 20 --lr 1e38 --clip 0 -q");
    CHECK(ended.exit == 4);
    CHECK(ended.error.find("loss") != std::string::npos);
    CHECK(std::ranges::count(ended.error, '\n') == 1);
}

TEST_CASE("MemoryThatThisMachineLacksIsNamedWithWhatWouldHelp") {
    const Bench bench;
    bench.plan("any.json");
    Json large = cpu_document();
    large["memory_capacity_gib"] = {{"expected", 1e5}, {"low", 1e5}};
    large["memory_label_gb"] = 1e5;
    large["node"]["host_ram_gib"] = 1e5;
    write_file_atomically(bench.file("large.json"), large.dump());
    const Ended planned = bench.command(
        HEADROOM_PROGRAM, "plan headroom/llama-15m --gpu " + bench.file("large.json") +
                              " --sequence 512 --global-batch 65536 --pin micro_batch=65536 "
                              "--goal pretrain --pin compute=fp32 --pin gradient=fp32 -o " +
                              bench.file("huge.json"));
    INFO(planned.error);
    REQUIRE(planned.exit == 0);
    const Ended ended = bench.run(bench.file("huge.json") + " --steps 1 -q");
    INFO(ended.error);
    CHECK(ended.exit == 3);
    CHECK(ended.error.find("available") != std::string::npos);
    CHECK(ended.error.find("micro_batch") != std::string::npos);
}
