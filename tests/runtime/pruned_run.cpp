#include <cstring>

#include "planner/base/written_file.h"
#include "runtime/data/safetensors_reader.h"
#include "tests/runtime/run_program.h"
#include "tests/support/catch.h"

using namespace headroom;
using namespace headroom::test;

// A run whose weights were pruned when they were loaded.

namespace {

double share_of_zeros(std::span<const std::byte> floats) {
    std::size_t zeros = 0;
    for (std::size_t at = 0; at < floats.size(); at += sizeof(float)) {
        float value = 0.0F;
        std::memcpy(&value, floats.data() + at, sizeof value);
        zeros += value == 0.0F ? 1 : 0;
    }
    return static_cast<double>(zeros * sizeof(float)) / static_cast<double>(floats.size());
}

}  // namespace

TEST_CASE("AResumedRunGoesOnWithTheMasksThatItHad") {
    const Bench bench;
    const std::string base = bench.file("base.safetensors");
    REQUIRE(
        good(bench.run(bench.plan("dense.json") + " --steps 3 --seed 9 -q --save " + base).exit));
    const std::string plan = bench.plan(
        "plan.json", "--goal pretrain --pin prune=unstructured --pin prune_sparsity=0.8");
    const std::string init = plan + " --init " + base;
    const std::string saved = bench.file("saved.safetensors");
    const auto whole = losses_of(measured(
        bench, init + " --steps 6 --checkpoint " + bench.file("whole.ckpt") + " --save " + saved));
    const std::string half = bench.file("half.ckpt");
    measured(bench, init + " --steps 3 --checkpoint " + half);
    // The weights that the masks were made from are not there any more.
    const auto second = losses_of(measured(
        bench, plan + " --steps 6 --resume " + half + " --checkpoint " + bench.file("end.ckpt")));
    CHECK(second == std::vector<double>(whole.begin() + 3, whole.end()));
    CHECK(read_text_file(bench.file("end.ckpt")) == read_text_file(bench.file("whole.ckpt")));
    const SafetensorsFile file(saved);
    int matrices = 0;
    for (const auto& tensor : file.tensors()) {
        const bool block = tensor.name.find("_proj") != std::string::npos;
        INFO(tensor.name);
        CHECK(share_of_zeros(file.bytes(tensor)) == Approx(block ? 0.8 : 0.0).margin(0.001));
        matrices += block ? 1 : 0;
    }
    CHECK(matrices == 14);
}
