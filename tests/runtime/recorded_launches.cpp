#include <functional>
#include <vector>

#include "runtime/gpu_counters.h"
#include "tests/support/catch.h"
#include "tests/support/tiny_run.h"

using namespace headroom;
using namespace headroom::test;

namespace {

/// Operands of a launch whose spans end with the call.
struct KeptLaunch {
    std::vector<TensorView> in;
    std::vector<TensorView> out;
    Launch launch;

    explicit KeptLaunch(const Launch& from)
        : in(from.in.begin(), from.in.end()), out(from.out.begin(), from.out.end()), launch(from) {}
    [[nodiscard]] Launch get() const {
        Launch now = launch;
        now.in = in;
        now.out = out;
        return now;
    }
};

/// The CPU, recording as a GPU does: between begin and end nothing runs, and what writes values is
/// refused. It counts what came in one by one.
class RecordingBackend final : public Backend {
public:
    int launches = 0;
    int replays = 0;

    [[nodiscard]] const KernelTable& table() const override { return cpu_->table(); }
    [[nodiscard]] std::string describe() const override { return cpu_->describe(); }
    std::byte* allocate(Bytes size, Place place) override { return cpu_->allocate(size, place); }
    void release(std::byte* block, Place place) noexcept override { cpu_->release(block, place); }
    void write(std::byte* to, std::span<const std::byte> from, Place place) override {
        if (capturing_) throw DeviceError("written while recording");
        cpu_->write(to, from, place);
    }
    void read(std::span<std::byte> to, const std::byte* from, Place place) override {
        if (capturing_) throw DeviceError("read while recording");
        cpu_->read(to, from, place);
    }
    void fill(std::byte* at, Bytes size, std::uint8_t value, Place place) override {
        cpu_->fill(at, size, value, place);
    }
    void launch(const Op& op, Launch launch) override {
        ++launches;
        if (!capturing_) return cpu_->launch(op, launch);
        recordings_.back().emplace_back(
            [this, op, kept = KeptLaunch(launch)] { cpu_->launch(op, kept.get()); });
    }
    void add_loss(const TensorView& loss, StepScalars* results) override {
        if (!capturing_) return cpu_->add_loss(loss, results);
        recordings_.back().emplace_back([=, this] { cpu_->add_loss(loss, results); });
    }
    void synchronize() override { cpu_->synchronize(); }
    void mark(std::size_t index) override { cpu_->mark(index); }
    [[nodiscard]] Seconds between(std::size_t first, std::size_t last) override {
        return cpu_->between(first, last);
    }
    void begin_capture() override {
        capturing_ = true;
        recordings_.emplace_back();
    }
    int end_capture() override {
        capturing_ = false;
        return static_cast<int>(recordings_.size()) - 1;
    }
    void replay(int handle) override {
        ++replays;
        for (const auto& call : recordings_.at(static_cast<std::size_t>(handle))) call();
    }
    [[nodiscard]] DeviceMemory memory() override { return cpu_->memory(); }

private:
    std::unique_ptr<Backend> cpu_ = make_cpu_backend();
    std::vector<std::vector<std::function<void()>>> recordings_;
    bool capturing_ = false;
};

PlanRequest accumulating(std::int64_t micro_steps) {
    PlanRequest request = tiny_request();
    request.train.accumulation = micro_steps;
    request.train.dropout = 0.1;  // what differs from step to step must not be recorded
    return request;
}

}  // namespace

TEST_CASE("RecordedStepsGiveTheSameBitsAsLaunchedOnes") {
    for (const std::int64_t micro_steps : {1, 2, 5}) {
        TinyRun direct(accumulating(micro_steps), {});
        auto backend = std::make_unique<RecordingBackend>();
        RecordingBackend& seen = *backend;
        TinyRun recorded(accumulating(micro_steps), {.launches = Launches::recorded},
                         {.learning_rate = 1e-2}, std::move(backend));
        CHECK(recorded.train(2) == direct.train(2));
        const int launched = seen.launches;
        CHECK(recorded.train(3) == direct.train(3));
        CHECK(seen.launches == launched);
        CHECK(seen.replays > 0);
        CHECK(recorded.parameters() == direct.parameters());
        CHECK(recorded.executor().arena().high_water(Place::device).total ==
              direct.executor().arena().high_water(Place::device).total);
    }
}

TEST_CASE("AnObservedStepIsLaunchedOneByOne") {
    auto backend = std::make_unique<RecordingBackend>();
    RecordingBackend& seen = *backend;
    TinyRun run(tiny_request(), {.launches = Launches::recorded}, {}, std::move(backend));
    run.train(3);
    const int launched = seen.launches;
    std::size_t watched = 0;
    run.executor().observe({.before = [&](std::size_t) { ++watched; }});
    run.train(1);
    CHECK(watched > 0);
    CHECK(static_cast<std::size_t>(seen.launches - launched) == watched);
}

TEST_CASE("AStepUnderCountersIsNotRecordedAndTheNextIs") {
    TinyRun direct(tiny_request(), {});
    auto backend = std::make_unique<RecordingBackend>();
    RecordingBackend& seen = *backend;
    TinyRun run(tiny_request(), {.launches = Launches::recorded}, {.learning_rate = 1e-2},
                std::move(backend));
    auto losses = run.train(1);
    read_counters(0, DType::f32, run.executor(), [&] { losses.push_back(run.train(1).front()); });
    CHECK(seen.replays == 0);
    losses.push_back(run.train(1).front());
    CHECK(seen.replays > 0);
    CHECK(losses == direct.train(3));
}

TEST_CASE("OneAllocationATensorIsNeverRecorded") {
    auto backend = std::make_unique<RecordingBackend>();
    RecordingBackend& seen = *backend;
    TinyRun run(tiny_request(),
                {.policy = MemoryPolicy::per_tensor, .launches = Launches::recorded}, {},
                std::move(backend));
    run.train(3);
    CHECK(seen.replays == 0);
}

TEST_CASE("ADeviceThatRecordsNothingRunsOn") {
    TinyRun direct(tiny_request(), {});
    TinyRun asked(tiny_request(), {.launches = Launches::recorded});
    CHECK(asked.train(4) == direct.train(4));
}

TEST_CASE("StepsWithExpertsAreNotRecorded") {
    PlanRequest request = tiny_request();
    CHECK(can_be_recorded(lower(request, stage_of(request, 0)).graph));
    request.model.moe = MoeSpec{.experts = 4, .top_k = 2, .expert_width = 24};
    request.model.moe_layers = {false, true};
    CHECK_FALSE(can_be_recorded(lower(request, stage_of(request, 0)).graph));
}
