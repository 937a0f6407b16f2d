#include "planner/cost/pipeline.h"

#include <algorithm>
#include <random>
#include <vector>

#include "tests/cost/machine.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

/// Events of 1F1B, one by one: each stage runs its warm-up forwards, then one forward and one
/// backward in turn, then the backwards left, each as soon as its neighbour's part has ended.
class OneFOneB {
public:
    OneFOneB(const std::vector<StageTime>& stages, std::int64_t micro_batches)
        : stages_(stages),
          count_(static_cast<std::size_t>(micro_batches)),
          forward_(stages.size(), std::vector<double>(count_, -1.0)),
          backward_(forward_),
          clock_(stages.size()),
          next_(stages.size()),
          most_in_flight_(stages.size()) {}

    double run() {
        for (bool moved = true; moved;) {
            moved = false;
            for (std::size_t stage = 0; stage < stages_.size(); ++stage) {
                while (step(stage)) moved = true;
            }
        }
        return *std::max_element(clock_.begin(), clock_.end());
    }
    [[nodiscard]] std::int64_t most_in_flight(std::size_t stage) const {
        return most_in_flight_[stage];
    }

private:
    struct Event {
        bool forward = true;
        std::size_t micro_batch = 0;
    };

    [[nodiscard]] Event event(std::size_t stage, std::size_t at) const {
        const std::size_t warm_up = std::min(count_, stages_.size() - stage - 1);
        if (at < warm_up) return {true, at};
        const std::size_t steady = at - warm_up;
        if (steady < 2 * (count_ - warm_up)) {
            return steady % 2 == 0 ? Event{true, warm_up + steady / 2} : Event{false, steady / 2};
        }
        return {false, at - count_};
    }

    /// When the part that this one follows has ended; negative while it has not.
    [[nodiscard]] double ready(std::size_t stage, Event e) const {
        if (e.forward) return stage == 0 ? 0.0 : forward_[stage - 1][e.micro_batch];
        const bool last = stage + 1 == stages_.size();
        return last ? forward_[stage][e.micro_batch] : backward_[stage + 1][e.micro_batch];
    }

    bool step(std::size_t stage) {
        if (next_[stage] == 2 * count_) return false;
        const Event e = event(stage, next_[stage]);
        const double at = ready(stage, e);
        if (at < 0.0) return false;
        const Seconds spent = e.forward ? stages_[stage].forward : stages_[stage].backward;
        clock_[stage] = std::max(clock_[stage], at) + spent.count();
        (e.forward ? forward_ : backward_)[stage][e.micro_batch] = clock_[stage];
        held_ = e.forward ? static_cast<std::int64_t>(e.micro_batch) + 1 : 0;
        if (e.forward) note_in_flight(stage);
        ++next_[stage];
        return true;
    }

    void note_in_flight(std::size_t stage) {
        const auto done = std::count_if(backward_[stage].begin(), backward_[stage].end(),
                                        [](double end) { return end >= 0.0; });
        most_in_flight_[stage] = std::max(most_in_flight_[stage], held_ - done);
    }

    std::vector<StageTime> stages_;
    std::size_t count_;
    std::vector<std::vector<double>> forward_;
    std::vector<std::vector<double>> backward_;
    std::vector<double> clock_;
    std::vector<std::size_t> next_;
    std::vector<std::int64_t> most_in_flight_;
    std::int64_t held_ = 0;
};

TEST_CASE("OneFOneBEqualsSimulation") {
    for (const std::size_t stages : {1U, 2U, 3U, 4U, 8U}) {
        for (const std::int64_t micro_batches : {1, 2, 3, 8, 17}) {
            const std::vector<StageTime> equal(stages, {Seconds{1.0}, Seconds{2.0}});
            OneFOneB simulation(equal, micro_batches);
            INFO(stages << " stages, " << micro_batches << " micro-batches");
            CHECK(simulation.run() ==
                  Approx(pipeline_time(equal, {.micro_batches = micro_batches}).count()));
        }
    }
}

TEST_CASE("InFlightMicroBatchesAreThoseOfTheSimulation") {
    const std::vector<StageTime> equal(4, {Seconds{1.0}, Seconds{2.0}});
    for (const std::int64_t micro_batches : {1, 3, 9}) {
        OneFOneB simulation(equal, micro_batches);
        simulation.run();
        for (std::size_t stage = 0; stage < equal.size(); ++stage) {
            CHECK(chunks_in_flight({.micro_batches = micro_batches}, 4,
                                   static_cast<std::int64_t>(stage)) ==
                  simulation.most_in_flight(stage));
        }
    }
}

TEST_CASE("ClosedFormBoundsUnequalStages") {
    std::mt19937 random(7);
    std::uniform_real_distribution<double> length(0.5, 2.0);
    for (int trial = 0; trial < 500; ++trial) {
        std::vector<StageTime> stages(2 + trial % 7);
        double most = 0.0;
        for (auto& stage : stages) {
            const double forward = length(random);
            stage = {Seconds{forward}, Seconds{2.0 * forward}};
            most = std::max(most, stage.both().count());
        }
        const std::int64_t micro_batches = 1 + trial % 23;
        OneFOneB simulation(stages, micro_batches);
        const double simulated = simulation.run();
        CHECK(simulated <=
              pipeline_time(stages, {.micro_batches = micro_batches}).count() * (1.0 + 1e-12));
        CHECK(simulated >= most * static_cast<double>(micro_batches));
    }
}

TEST_CASE("InterleavingDividesTheBubble") {
    const std::vector<StageTime> stages(8, {Seconds{1.0}, Seconds{2.0}});
    const PipelineRun plain{.micro_batches = 16};
    const PipelineRun interleaved{.micro_batches = 16, .chunks = 4};
    CHECK(bubble_time(stages, plain).count() == Approx(7 * 3.0));
    CHECK(bubble_time(stages, interleaved).count() == Approx(7 * 3.0 / 4.0));
    CHECK(bubble_fraction(stages, plain) == Approx(7.0 / 23.0));
}

TEST_CASE("OneMicroBatchCannotGainFromInterleaving") {
    const std::vector<StageTime> stages(4, {Seconds{1.0}, Seconds{2.0}});
    CHECK(pipeline_time(stages, {.micro_batches = 1, .chunks = 2}).count() == Approx(12.0));
}

TEST_CASE("InterleavedFirstStageHoldsMegatronsChunks") {
    // p * v + p - 1 chunks, that is p * (1 + (p - 1) / (p * v)) micro-batches of the stage.
    CHECK(chunks_in_flight({.micro_batches = 64, .chunks = 4}, 8, 0) == 8 * 4 + 7);
    CHECK(chunks_in_flight({.micro_batches = 8, .chunks = 4}, 8, 0) == 32);
    CHECK(chunks_in_flight({.micro_batches = 64, .chunks = 4}, 8, 7) == 25);
}

TEST_CASE("PipelineOfOneStageIsItsOwnStep") {
    StepGraph graph;
    graph.micro_steps = 6;
    three_milliseconds(graph);
    three_milliseconds(graph, Phase::backward);
    three_milliseconds(graph, Phase::backward, When::last);
    three_milliseconds(graph, Phase::update);
    const std::vector<StepCost> stages{simulate(graph, TimeModel(round_machine(), {}))};
    const PipelineCost cost = pipelined_step(stages, pipeline_run({}, graph.micro_steps));
    CHECK(cost.step.count() == Approx(stages.front().step.count()));
    CHECK(cost.bubble == Seconds{});
}

/// A stage whose gradients are exchanged once a step, after its last micro-step.
StepCost stage_with_exchange(std::int64_t micro_steps, int kernels) {
    StepGraph graph;
    graph.micro_steps = micro_steps;
    for (int i = 0; i < kernels; ++i) three_milliseconds(graph);
    three_milliseconds(graph, Phase::backward);
    for (int i = 0; i < 4; ++i) three_milliseconds(graph, Phase::backward, When::last);
    three_milliseconds(graph, Phase::update);
    return simulate(graph, TimeModel(round_machine(), {}));
}

TEST_CASE("WhatAStepHasOnceIsNotChargedToEveryStage") {
    constexpr std::int64_t kStages = 4;
    for (const std::int64_t micro_steps : {1, 2, 3, 8}) {
        INFO(micro_steps << " micro-steps");
        const std::vector<StepCost> stages(kStages, stage_with_exchange(micro_steps, 1));
        const PipelineCost cost = pipelined_step(stages, pipeline_run({}, micro_steps));
        const auto passes = static_cast<double>(micro_steps + kStages - 1);
        CHECK(cost.step.count() * 1e3 == Approx(6.0 * passes + 12.0 + 3.0));
    }
}

TEST_CASE("TheSlowestStagesStepAndTheBubbleAreTheWholeStep") {
    const std::vector<StepCost> stages{stage_with_exchange(8, 1), stage_with_exchange(8, 3),
                                       stage_with_exchange(8, 2)};
    const PipelineCost cost = pipelined_step(stages, pipeline_run({}, 8));
    CHECK(cost.slowest == 1);
    CHECK(cost.bubble.count() * 1e3 == Approx(6.0 + 9.0));
    CHECK((stages[1].step + cost.bubble).count() == Approx(cost.step.count()));
}

}  // namespace
}  // namespace headroom
