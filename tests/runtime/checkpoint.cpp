#include "runtime/data/checkpoint.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "planner/base/error.h"
#include "runtime/data/mixing.h"
#include "runtime/data/safetensors_writer.h"
#include "tests/import/safetensors_bytes.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

std::string sentence(const auto& action) {
    try {
        action();
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

constexpr std::int64_t kRows = 300;
constexpr std::int64_t kColumns = 400;

struct Run {
    std::vector<float> weights = std::vector<float>(kRows * kColumns);
    std::vector<std::uint8_t> codes = std::vector<std::uint8_t>(33);
    std::vector<std::int32_t> counts = std::vector<std::int32_t>(5);

    [[nodiscard]] std::vector<CheckpointTensor> tensors() const {
        return {{"parameter/a", {{kRows, kColumns}, DType::f32}, std::as_bytes(std::span(weights))},
                {"parameter/b", {{65}, DType::nf4}, std::as_bytes(std::span(codes))},
                {"optimizer/c", {{5}, DType::i32}, std::as_bytes(std::span(counts))}};
    }
    /// A run in which every number says which step it is of.
    static Run at(std::int64_t step) {
        Run run;
        std::ranges::fill(run.weights, static_cast<float>(step));
        std::ranges::fill(run.codes, static_cast<std::uint8_t>(step));
        std::ranges::fill(run.counts, static_cast<std::int32_t>(step));
        return run;
    }
    static Run read(const Checkpoint& checkpoint) {
        Run run;
        for (const auto& tensor : run.tensors()) {
            auto* data = const_cast<std::byte*>(tensor.bytes.data());
            checkpoint.read(tensor.name, tensor.spec, {data, tensor.bytes.size()});
        }
        return run;
    }
    bool operator==(const Run&) const = default;
};

CheckpointState state_at(std::int64_t step) {
    return {.step = step,
            .updates = step / 2,
            .seed = std::numeric_limits<std::uint64_t>::max(),
            .loss_scale = 65536.0,
            .steps_since_overflow = 7,
            .digest = "0123abcd",
            .tokens = "a.txt: text, 5 bytes as tokens"};
}

/// Writes checkpoints of step 1, 2, … until it is killed.
[[noreturn]] void write_for_ever(const std::filesystem::path& path) {
    for (std::int64_t step = 1;; ++step) {
        try {
            save_checkpoint(path, state_at(step), Run::at(step).tensors());
        } catch (const std::exception&) {
            ::_exit(1);
        }
    }
}

}  // namespace

TEST_CASE("ACheckpointGivesBackStateAndBytes") {
    const TemporaryFolder folder("checkpoint");
    const auto path = folder.path("run.safetensors");
    save_checkpoint(path, state_at(12), Run::at(12).tensors());
    const Checkpoint checkpoint(path);
    CHECK(checkpoint.state() == state_at(12));
    CHECK(Run::read(checkpoint) == Run::at(12));
    CHECK_NOTHROW(checkpoint.expect_digest("0123abcd"));
    CHECK_NOTHROW(checkpoint.expect_only({"parameter/a", "parameter/b", "optimizer/c", "more"}));
}

TEST_CASE("ACheckpointOfAnotherPlanIsRefusedInOneSentence") {
    const TemporaryFolder folder("other");
    const auto path = folder.path("run.safetensors");
    save_checkpoint(path, state_at(1), Run::at(1).tensors());
    const Checkpoint checkpoint(path);
    const auto says = [&](const auto& action) {
        return sentence(action).substr(path.string().size());
    };
    std::vector<std::byte> out(480000);
    CHECK(says([&] { checkpoint.expect_digest("ffff"); }) ==
          ": was written by the step 0123abcd, this plan's step is ffff");
    CHECK(says([&] {
              checkpoint.read("parameter/x", {{1}, DType::f32}, out);
          }) == ": lacks \"parameter/x\"");
    CHECK(says([&] {
              checkpoint.read("parameter/a", {{400, 300}, DType::f32}, out);
          }) == ": \"parameter/a\" is F32 (300, 400), this plan needs F32 (400, 300)");
    CHECK(says([&] {
              checkpoint.read("parameter/a", {{300, 400}, DType::i32}, out);
          }) == ": \"parameter/a\" is F32 (300, 400), this plan needs I32 (300, 400)");
    CHECK(says([&] {
              checkpoint.read("parameter/b", {{67}, DType::nf4}, out);
          }) == ": \"parameter/b\" is U8 (33), this plan needs U8 (34)");
    CHECK(says([&] {
              checkpoint.expect_only({"parameter/a", "optimizer/c"});
          }) == ": holds \"parameter/b\", which this plan has no place for");
    CHECK_THROWS_AS(
        checkpoint.read("parameter/a", {{300, 400}, DType::f32}, std::span(out).first(8)),
        InternalError);
}

TEST_CASE("AFileThatIsNoCheckpointIsRefused") {
    const TemporaryFolder folder("none");
    SafetensorsWriter(folder.path("x"), {}).finish();
    CHECK(sentence([&] {
              Checkpoint{folder.path("x")};
          }).ends_with("x: is no checkpoint: its header tells of no state"));
    const auto with = [&](const std::string& state) {
        SafetensorsWriter(folder.path("x"), {}, {{"headroom-checkpoint", state}}).finish();
        return sentence([&] { Checkpoint{folder.path("x")}; })
            .substr(folder.path("x").string().size());
    };
    CHECK(with("{") == "/headroom-checkpoint: not valid JSON at byte 2");
    CHECK(with(R"({"format": 2})") == "/headroom-checkpoint/format: is 2, this version reads 1");
    CHECK(with(R"({"format": 1, "step": -1})").starts_with("/headroom-checkpoint/step: "));
    CHECK(with(R"({"format": 1, "step": 1, "updates": 1, "seed": "x"})")
              .starts_with("/headroom-checkpoint/seed: "));
    CHECK_THROWS_AS(Checkpoint(folder.path("gone")), InputError);
    CheckpointTensor short_one{"a", {{2}, DType::f32}, {}};
    CHECK_THROWS_AS(save_checkpoint(folder.path("y"), {}, {short_one}), InternalError);
    CHECK_FALSE(std::filesystem::exists(folder.path("y.tmp")));
}

TEST_CASE("AWriterKilledAtAnyMomentLeavesTheLastGoodCheckpoint") {
    const TemporaryFolder folder("killed");
    const auto path = folder.path("run.safetensors");
    save_checkpoint(path, state_at(0), Run::at(0).tensors());
    int cut_short = 0;
    int advanced = 0;
    for (std::uint64_t round = 0; round < 50; ++round) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) write_for_ever(path);
        ::usleep(static_cast<useconds_t>(500 + mix(17, round) % 12000));
        REQUIRE(::kill(child, SIGKILL) == 0);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE(WIFSIGNALED(status));
        cut_short += std::filesystem::exists(path.string() + ".tmp") ? 1 : 0;
        const Checkpoint checkpoint(path);
        const std::int64_t step = checkpoint.state().step;
        advanced += step > 0 ? 1 : 0;
        INFO("round " << round << ", step " << step);
        REQUIRE(Run::read(checkpoint) == Run::at(step));
        REQUIRE(checkpoint.state() == state_at(step));
    }
    // Some were killed while they wrote, and some had written: else this shows nothing.
    CHECK(cut_short > 5);
    CHECK(advanced > 5);
    save_checkpoint(path, state_at(99), Run::at(99).tensors());
    CHECK(Checkpoint(path).state().step == 99);
    CHECK_FALSE(std::filesystem::exists(path.string() + ".tmp"));
}
