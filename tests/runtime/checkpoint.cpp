#include "runtime/data/checkpoint.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <limits>
#include <set>
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

    static std::vector<CheckpointTensor> tensors() {
        return {{"parameter/a", {{kRows, kColumns}, DType::f32}},
                {"parameter/b", {{65}, DType::nf4}},
                {"optimizer/c", {{5}, DType::i32}}};
    }
    [[nodiscard]] std::span<std::byte> bytes_of(std::size_t index) {
        const std::array<std::span<std::byte>, 3> all{std::as_writable_bytes(std::span(weights)),
                                                      std::as_writable_bytes(std::span(codes)),
                                                      std::as_writable_bytes(std::span(counts))};
        return all.at(index);
    }
    void save(const std::filesystem::path& path, const CheckpointState& state) {
        save_checkpoint(path, state, tensors(), [&](std::size_t i) { return bytes_of(i); });
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
        const auto names = tensors();
        for (std::size_t i = 0; i < names.size(); ++i) {
            checkpoint.read(names[i].name, names[i].spec, run.bytes_of(i));
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
            .tokens = "a.txt: text, 5 bytes as tokens",
            .frozen = "00ff"};
}

/// Writes checkpoints of step 1, 2, … until it is killed.
[[noreturn]] void write_for_ever(const std::filesystem::path& path) {
    for (std::int64_t step = 1;; ++step) {
        try {
            Run::at(step).save(path, state_at(step));
        } catch (const std::exception&) {
            ::_exit(1);
        }
    }
}

}  // namespace

TEST_CASE("ACheckpointGivesBackStateAndBytes") {
    const TemporaryFolder folder("checkpoint");
    const auto path = folder.path("run.safetensors");
    Run::at(12).save(path, state_at(12));
    const Checkpoint checkpoint(path);
    CHECK(checkpoint.state() == state_at(12));
    CHECK(Run::read(checkpoint) == Run::at(12));
    CHECK_NOTHROW(checkpoint.expect_digest("0123abcd"));
    CHECK_NOTHROW(checkpoint.expect_frozen("00ff"));
}

TEST_CASE("ACheckpointOfAnotherPlanIsRefusedInOneSentence") {
    const TemporaryFolder folder("other");
    const auto path = folder.path("run.safetensors");
    Run::at(1).save(path, state_at(1));
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
    CHECK(says([&] { checkpoint.expect_frozen("ff00"); })
              .starts_with(
                  ": holds what is trained alone, on frozen weights 00ff; here they are ff00"));
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
    CHECK(with(R"({"format": 1})") == "/headroom-checkpoint/format: is 1, this version reads 2");
    CHECK(with(R"({"format": 2, "step": -1})").starts_with("/headroom-checkpoint/step: "));
    CHECK(with(R"({"format": 2, "step": 1, "updates": 1, "seed": "x"})")
              .starts_with("/headroom-checkpoint/seed: "));
    CHECK_THROWS_AS(Checkpoint(folder.path("gone")), InputError);
    CHECK_THROWS_AS(save_checkpoint(folder.path("y"), {}, {{"a", {{2}, DType::f32}}},
                                    [](std::size_t) { return std::span<const std::byte>{}; }),
                    InternalError);
    CHECK_FALSE(std::filesystem::exists(folder.path("y.tmp")));
}

TEST_CASE("AFingerprintTellsEveryBitAndEveryPlace") {
    const auto of = [](const std::vector<std::vector<std::uint8_t>>& tensors) {
        Fingerprint fingerprint;
        for (const auto& tensor : tensors) fingerprint.add(std::as_bytes(std::span(tensor)));
        return fingerprint.text();
    };
    // Lengths around a block; one bit anywhere, zeros at the end, and where a tensor ends all
    // count.
    std::set<std::string> seen;
    std::size_t variants = 0;
    for (const std::size_t size : {1, 7, 8, 31, 32, 33, 70}) {
        const std::vector<std::uint8_t> zeros(size, 0);
        for (std::size_t bit = 0; bit < size * 8; ++bit) {
            auto one = zeros;
            one[bit / 8] = static_cast<std::uint8_t>(1U << bit % 8);
            seen.insert(of({one}));
            ++variants;
        }
        seen.insert(of({zeros}));
        seen.insert(of({zeros, zeros}));
        variants += 2;
    }
    CHECK(seen.size() == variants);
    CHECK(of({{1, 2}, {3}}) == of({{1, 2}, {3}}));
    CHECK(of({{1, 2}, {3}}) != of({{1}, {2, 3}}));
}

TEST_CASE("AWriterKilledAtAnyMomentLeavesTheLastGoodCheckpoint") {
    const TemporaryFolder folder("killed");
    const auto path = folder.path("run.safetensors");
    Run::at(0).save(path, state_at(0));
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
    Run::at(99).save(path, state_at(99));
    CHECK(Checkpoint(path).state().step == 99);
    CHECK_FALSE(std::filesystem::exists(path.string() + ".tmp"));
}
