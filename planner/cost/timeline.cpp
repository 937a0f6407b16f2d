#include "planner/cost/timeline.h"

#include <algorithm>

#include "planner/cost/playback.h"

namespace headroom {
namespace {

/// Micro-steps that are played before the rest are extended: the second middle one starts from the
/// backlog of the first, as all later ones do.
constexpr std::int64_t kMiddlePlayed = 2;

PhaseTimes times(const std::array<double, kPhases>& phase) {
    return {Seconds{phase[0]}, Seconds{phase[1]}, Seconds{phase[2]}};
}

/// The change of the phases between two states.
PhaseTimes times(const PlaybackState& before, const PlaybackState& after) {
    std::array<double, kPhases> phase{};
    for (std::size_t i = 0; i < kPhases; ++i) phase[i] = after.phase[i] - before.phase[i];
    return times(phase);
}

/// The times of the micro-step after the first, where no step has a middle one: what a pipeline
/// repeats must not carry the exchanges of gradients that a step has once.
PhaseTimes middle_of(Playback playback) {
    playback.micro_step({.first = true});
    const PlaybackState before = playback.state();
    playback.micro_step({});
    return times(before, playback.state());
}

/// Plays all micro-steps; returns the times of a middle one.
PhaseTimes play_micro_steps(Playback& playback, std::int64_t count) {
    PhaseTimes typical = count > 2 ? PhaseTimes{} : middle_of(playback);
    playback.micro_step({.first = true, .last = count == 1});
    const std::int64_t middle = std::max<std::int64_t>(count - 2, 0);
    for (std::int64_t i = 0; i < std::min(middle, kMiddlePlayed); ++i) {
        const PlaybackState before = playback.state();
        playback.micro_step({});
        typical = times(before, playback.state());
        const std::int64_t left = middle - kMiddlePlayed;
        if (i + 1 == kMiddlePlayed && left > 0) {
            playback.state().extend(before, static_cast<double>(left));
        }
    }
    if (count > 1) playback.micro_step({.last = true});
    return typical;
}

/// How often an op runs in a step.
std::int64_t runs(const OpNode& node, std::int64_t micro_steps) {
    return node.phase == Phase::update || node.when != When::every ? 1 : micro_steps;
}

void add(Work& sum, const Work& one, double times) {
    sum.model += one.model * times;
    sum.matrix += one.matrix * times;
    sum.vector += one.vector * times;
    sum.moved += one.moved * static_cast<std::int64_t>(times);
}

Bytes first_bytes(const StepGraph& graph, std::span<const TensorId> ids) {
    return ids.empty() ? Bytes{} : bytes(graph[ids.front()]);
}

void add_collective(StepCost& cost, const StepGraph& graph, const OpNode& node, Seconds time,
                    std::int64_t count) {
    const auto& op = std::get<Collective>(node.op);
    Traffic& sum =
        cost.traffic[static_cast<std::size_t>(op.kind)][static_cast<std::size_t>(op.axis)];
    const Bytes sent =
        volume(op, first_bytes(graph, graph.inputs(node)), first_bytes(graph, graph.outputs(node)));
    sum.sent += sent * count;
    sum.count += count;
    sum.time += time * static_cast<double>(count);
    cost.classes.communication += time * static_cast<double>(count);
}

void add_transfer(StepCost& cost, const StepGraph& graph, const OpNode& node, const TimedOp& op,
                  std::int64_t count) {
    if (op.stream == Stream::compute) return;
    cost.copied[static_cast<std::size_t>(op.stream)] +=
        first_bytes(graph, graph.inputs(node)) * count;
    cost.classes.transfer += Seconds{op.seconds * static_cast<double>(count)};
}

/// Sums that do not depend on when ops run.
void add_totals(StepCost& cost, const StepGraph& graph, std::span<const Work> work,
                std::span<const TimedOp> timed) {
    for (std::size_t at = 0; at < graph.ops.size(); ++at) {
        const OpNode& node = graph.ops[at];
        const std::int64_t count = runs(node, graph.micro_steps);
        add(cost.work[static_cast<std::size_t>(node.phase)], work[at], static_cast<double>(count));
        if (std::holds_alternative<Collective>(node.op)) {
            add_collective(cost, graph, node, Seconds{timed[at].seconds}, count);
        } else if (std::holds_alternative<Transfer>(node.op)) {
            add_transfer(cost, graph, node, timed[at], count);
        }
    }
}

void add_classes(TimeClasses& classes, const PlaybackState& state) {
    const auto exposed = [&](Stream stream) {
        return Seconds{state.exposed[static_cast<std::size_t>(stream)]};
    };
    classes.compute = Seconds{state.compute};
    classes.optimizer = Seconds{state.optimizer} + exposed(Stream::host);
    classes.exposed_communication = exposed(Stream::communication);
    classes.exposed_transfer = exposed(Stream::copy_in) + exposed(Stream::copy_out) +
                               exposed(Stream::nvme_read) + exposed(Stream::nvme_write);
}

std::vector<Work> work_of(const StepGraph& graph) {
    std::vector<Work> all;
    all.reserve(graph.ops.size());
    for (const auto& node : graph.ops) all.push_back(work(graph, node));
    return all;
}

}  // namespace

Work StepCost::total_work() const {
    Work sum{.moved = Bytes{}};
    for (const auto& phase : work) add(sum, phase, 1.0);
    return sum;
}

StepCost simulate(const StepGraph& graph, const TimeModel& model) {
    const auto all_work = work_of(graph);
    const auto timed = time_ops(graph, all_work, model);
    StepCost cost{};
    for (auto& phase : cost.work) phase.moved = Bytes{};
    add_totals(cost, graph, all_work, timed);
    Playback playback(graph, timed);
    cost.micro = play_micro_steps(playback, std::max<std::int64_t>(graph.micro_steps, 1));
    playback.update();
    add_classes(cost.classes, playback.state());
    cost.total = times(playback.state().phase);
    cost.step = cost.total.total();
    return cost;
}

std::vector<OpRecord> trace(const StepGraph& graph, const TimeModel& model) {
    const auto timed = time_ops(graph, work_of(graph), model);
    Playback playback(graph, timed);
    std::vector<OpRecord> records;
    records.reserve(graph.ops.size());
    playback.record(&records);
    playback.micro_step({.first = graph.micro_steps <= 1, .last = graph.micro_steps <= 2});
    playback.update();
    return records;
}

}  // namespace headroom
