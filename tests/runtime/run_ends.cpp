#include <cmath>
#include <limits>

#include "planner/base/json.h"
#include "planner/plan/measurement.h"
#include "runtime/training.h"
#include "tests/runtime/run_program.h"
#include "tests/support/catch.h"

// What a run ends with is asked for before it begins, and one part that fails loses no other.

using namespace headroom;
using namespace headroom::test;

namespace {

void check_refused(const Ended& ended, const std::string& sentence) {
    INFO(ended.error);
    CHECK(ended.exit == 4);
    CHECK(ended.error.find(sentence) != std::string::npos);
}

}  // namespace

TEST_CASE("APlaceThatCannotBeWrittenIsToldBeforeTheFirstStep") {
    const Bench bench;
    const std::string plan = bench.plan("plan.json");
    for (const auto* option : {"-o", "--save", "--checkpoint"}) {
        INFO(option);
        const Ended ended =
            bench.run(plan + " --steps 2 --json-lines " + option + " " + bench.file("none/x"));
        check_refused(ended, "cannot be written");
        CHECK(ended.out.empty());  // not even the start is told
    }
}

TEST_CASE("ACheckpointThatFailsAtTheEndLosesNeitherWeightsNorMeasurement") {
    const Bench bench;
    const std::string plan = bench.plan("plan.json");
    const std::string weights = bench.file("weights.safetensors");
    // Files of at most 200 KiB: the weights have 120, with their moments three times as much.
    const Ended ended = bench.run(plan + " --steps 2 -q --checkpoint " + bench.file("run.ckpt") +
                                      " --save " + weights + " -o " + bench.file("measured.json"),
                                  "trap '' XFSZ; ulimit -f 400;");
    CHECK(ended.exit != 0);
    CHECK(ended.error.find("run.ckpt: cannot be written") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(bench.file("run.ckpt")));
    CHECK_FALSE(leaves_temporary_files(bench));
    CHECK(losses_of(read_json_file(bench.file("measured.json"))).size() == 2);
    const Ended again = bench.run(plan + " --steps 1 -q --init " + weights);
    INFO(ended.error << again.error);
    CHECK(good(again.exit));
}

TEST_CASE("ACheckpointOfAllStepsLeavesNothingToDo") {
    const Bench bench;
    const std::string plan = bench.plan("plan.json");
    const std::string checkpoint = bench.file("run.ckpt");
    const Ended whole = bench.run(plan + " --steps 3 -q --checkpoint " + checkpoint);
    CHECK(whole.error.empty());
    check_refused(bench.run(plan + " --steps 3 -q --resume " + checkpoint),
                  "is of step 3, so --steps 3 leaves nothing to do");
}

TEST_CASE("ARankOfManySavesNoModel") {
    const Bench bench;
    bench.plan("alone.json");  // for its model's file
    const std::string plan = bench.file("plan.json");
    const Ended planned = bench.command(
        HEADROOM_PROGRAM, "plan " + bench.file("config.json") +
                              " --gpu h100 --gpus 2 --sequence 32 --global-batch 4 --pin data=2 "
                              "--pin zero=3 --pin compute=fp32 --pin gradient=fp32 -q -o " +
                              plan);
    REQUIRE(planned.exit == 0);
    check_refused(bench.run(plan + " --device cpu --steps 1 -q --rank 1 --save " +
                            bench.file("m.safetensors")),
                  "rank 1 of 2 holds a part of the model");
}

TEST_CASE("AnAdapterOfAnotherScaleIsRefused") {
    const Bench bench;
    const std::string settings = "--goal adapt --pin adapter=lora --pin lora_rank=4";
    const std::string plan = bench.plan("plan.json", settings + " --pin lora_alpha=8");
    const std::string adapter = bench.file("adapter");
    const Ended saved = bench.run(plan + " --steps 1 -q --save-adapter " + adapter);
    CHECK(saved.error.empty());
    const Ended again = bench.run(plan + " --steps 1 -q --init-adapter " + adapter);
    CHECK(again.error.empty());
    const std::string other = bench.plan("other.json", settings + " --pin lora_alpha=32");
    check_refused(bench.run(other + " --steps 1 -q --init-adapter " + adapter),
                  "alpha 8, the plan has lora of 4 and 32");
}

TEST_CASE("AnAdapterOfMoreThanThePlanHasIsRefused") {
    const Bench bench;
    const std::string settings = "--goal adapt --pin adapter=lora --pin lora_rank=4";
    const std::string adapter = bench.file("adapter");
    const Ended saved =
        bench.run(bench.plan("plan.json", settings) + " --steps 1 -q --save-adapter " + adapter);
    CHECK(saved.error.empty());
    const std::string narrow = bench.plan("narrow.json", settings + " --pin lora_targets=q_proj");
    const Ended refused = bench.run(narrow + " --steps 1 -q --init-adapter " + adapter);
    check_refused(refused, "which the plan has no place for");
    CHECK(refused.error.find("q_proj") == std::string::npos);
}

TEST_CASE("ANormThatOverflowedIsReadBackAsInfinity") {
    Measurement measurement;
    measurement.steps.push_back(
        {.loss = 5.5, .gradient_norm = std::numeric_limits<double>::infinity(), .skipped = true});
    const Json document = parse_json(to_json(measurement).dump(), "measurement");
    const Measurement read = measurement_from_json({document, ""});
    REQUIRE(read.steps.size() == 1);
    CHECK(std::isinf(read.steps.front().gradient_norm));
    CHECK(read.steps.front().loss == 5.5);
}

TEST_CASE("AScaleGrowsThoughItsIntervalWasShortenedInBetween") {
    LossScaler scaler{.scale = 4.0, .interval = 10, .good_steps = 20};
    scaler.after_step(false);
    CHECK(scaler.scale == 4.0 * scaler.growth);
    CHECK(scaler.good_steps == 0);
}
