#include <filesystem>

#include "tests/runtime/run_program.h"
#include "tests/support/catch.h"

using namespace headroom;
using namespace headroom::test;

// What the program does with a teacher's weights.

namespace {

/// Two layers taught by one of four, both of one vocabulary.
std::string taught_plan(const Bench& bench) {
    bench.plan("student.json");  // writes config.json
    Json config = parse_json(read_text_file(bench.file("config.json")), "config.json");
    config["num_hidden_layers"] = 4;
    write_file_atomically(bench.file("teacher.json"), config.dump());
    return bench.plan("plan.json", "--goal pretrain --teacher " + bench.file("teacher.json") +
                                       " --pin distill_weight=1");
}

/// Weights of a teacher that was trained for some steps.
std::string teacher_weights(const Bench& bench) {
    const std::string weights = bench.file("teacher.safetensors");
    const Ended planned =
        bench.command(HEADROOM_PROGRAM, "plan " + bench.file("teacher.json") + " --gpu " +
                                            bench.file("cpu.json") +
                                            " --sequence 32 --global-batch 4 --pin compute=fp32 "
                                            "--pin gradient=fp32 -o " +
                                            bench.file("teacher.plan"));
    REQUIRE(planned.exit == 0);
    const Ended ended = bench.run(bench.file("teacher.plan") +
                                  " --steps 30 --lr 1e-2 --seed 7 -q --save " + weights);
    INFO(ended.error);
    REQUIRE(good(ended.exit));
    return weights;
}

}  // namespace

TEST_CASE("AStudentComesNearerToTheTeacherWhoseWeightsItWasGiven") {
    const Bench bench;
    const std::string plan = taught_plan(bench);
    const std::string weights = teacher_weights(bench);
    const std::string words = plan + " --steps 60 --lr 1e-2 --init-teacher " + weights;
    const Json measurement = measured(bench, words);
    const auto losses = losses_of(measurement);
    // The loss is the divergence alone: nothing but the teacher tells the student anything.
    CHECK(losses.back() < 0.5 * losses.front());
    CHECK(measurement.dump().find(", teacher of " + weights) != std::string::npos);
    CHECK(measurement.dump().find("loss: 0 of cross-entropy, 1 of the divergence") !=
          std::string::npos);
    // Another teacher is another loss.
    const auto other = losses_of(measured(bench, plan + " --steps 1"));
    CHECK(other.front() != losses.front());
}

TEST_CASE("ARunIsResumedWithTheTeacherThatItHad") {
    const Bench bench;
    const std::string plan = taught_plan(bench);
    const std::string init = plan + " --init-teacher " + teacher_weights(bench);
    const auto whole =
        losses_of(measured(bench, init + " --steps 4 --checkpoint " + bench.file("whole.ckpt")));
    const std::string half = bench.file("half.ckpt");
    measured(bench, init + " --steps 2 --checkpoint " + half);
    const auto second = losses_of(measured(
        bench, init + " --steps 4 --resume " + half + " --checkpoint " + bench.file("end.ckpt")));
    CHECK(second == std::vector<double>(whole.begin() + 2, whole.end()));
    CHECK(read_text_file(bench.file("end.ckpt")) == read_text_file(bench.file("whole.ckpt")));
    const Ended other = bench.run(plan + " --steps 4 -q --resume " + half);
    CHECK(other.exit == 4);
    CHECK(other.error.find("frozen weights") != std::string::npos);
}

TEST_CASE("OnlyTheStudentIsSaved") {
    const Bench bench;
    const std::string plan = taught_plan(bench);
    const std::string taught = bench.file("taught.safetensors");
    const std::string alone = bench.file("alone.safetensors");
    REQUIRE(good(bench.run(plan + " --steps 1 -q --save " + taught).exit));
    REQUIRE(good(bench.run(bench.file("student.json") + " --steps 1 -q --save " + alone).exit));
    CHECK(std::filesystem::file_size(taught) == std::filesystem::file_size(alone));
}

TEST_CASE("WeightsThatAreNotTheTeachersAreRefused") {
    const Bench bench;
    const std::string plan = taught_plan(bench);
    const std::string student = bench.file("student.safetensors");
    const std::string bare = bench.file("student.json");
    REQUIRE(good(bench.run(bare + " --steps 1 -q --save " + student).exit));
    const Ended lacking = bench.run(plan + " --steps 1 -q --init-teacher " + student);
    CHECK(lacking.exit == 4);
    CHECK(lacking.error.find("lacks \"model.layers.2.") != std::string::npos);
    CHECK(lacking.error.find("which holds teacher.layers.2.") != std::string::npos);
    const Ended none = bench.run(bare + " --steps 1 -q --init-teacher " + student);
    CHECK(none.exit == 4);
    CHECK(none.error.find("--init-teacher: the plan has no teacher") != std::string::npos);
}
