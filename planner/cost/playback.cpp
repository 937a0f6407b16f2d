#include "planner/cost/playback.h"

#include <algorithm>

namespace headroom {
namespace {

constexpr std::int32_t kNone = -1;

Issue issue_of(const OpNode& node, Stream stream) {
    if (std::holds_alternative<Wait>(node.op)) return Issue::wait;
    if (const auto* op = std::get_if<Collective>(&node.op)) {
        return op->async ? Issue::async : Issue::blocking;
    }
    return stream == Stream::compute ? Issue::compute : Issue::async;
}

std::size_t storage(const StepGraph& graph, TensorId id) {
    return static_cast<std::size_t>(graph.storage(id).index);
}

template <class Range>
void extend(Range& now, const Range& before, double times) {
    for (std::size_t i = 0; i < now.size(); ++i) now[i] += times * (now[i] - before[i]);
}

}  // namespace

std::vector<TimedOp> time_ops(const StepGraph& graph, std::span<const Work> work,
                              const TimeModel& model) {
    std::vector<TimedOp> times(graph.ops.size());
    for (std::size_t at = 0; at < times.size(); ++at) {
        const OpTime time = model.time(graph, graph.ops[at], work[at]);
        times[at] = {time.time.count(), time.stream, time.bound,
                     issue_of(graph.ops[at], time.stream)};
    }
    return times;
}

void PlaybackState::extend(const PlaybackState& before, double times) {
    headroom::extend(clock, before.clock, times);
    headroom::extend(phase, before.phase, times);
    headroom::extend(exposed, before.exposed, times);
    headroom::extend(start, before.start, times);
    headroom::extend(end, before.end, times);
    compute += times * (compute - before.compute);
    optimizer += times * (optimizer - before.optimizer);
}

Playback::Playback(const StepGraph& graph, std::span<const TimedOp> times)
    : graph_(graph),
      times_(times),
      writer_(graph.tensors.size(), kNone),
      toucher_(graph.tensors.size(), kNone),
      follows_(graph.ops.size(), kNone) {
    state_.start.resize(graph.ops.size());
    state_.end.resize(graph.ops.size());
    latest_.fill(kNone);
}

void Playback::micro_step(MicroStep which) {
    for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
        const OpNode& node = graph_.ops[at];
        if (node.phase != Phase::update && which.runs(node.when)) issue(at);
    }
}

void Playback::update() {
    for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
        if (graph_.ops[at].phase == Phase::update) issue(at);
    }
    drain();
}

void Playback::issue(std::size_t at) {
    const OpNode& node = graph_.ops[at];
    const TimedOp& op = times_[at];
    const double before = clock(Stream::compute);
    switch (op.issue) {
        case Issue::compute:
            compute(node, op);
            break;
        case Issue::async:
            start(at);
            break;
        case Issue::wait:
            wait(node);
            break;
        case Issue::blocking:
            exchange(at);
            hold_until(static_cast<std::int32_t>(at));
            break;
    }
    const double after = clock(Stream::compute);
    state_.phase[static_cast<std::size_t>(node.phase)] += after - before;
    if (records_ == nullptr) return;
    const bool queued = op.issue == Issue::async || op.issue == Issue::blocking;
    records_->push_back({at, Seconds{queued ? state_.start[at] : before},
                         Seconds{queued ? state_.end[at] : after}, op.stream, op.bound});
}

void Playback::compute(const OpNode& node, const TimedOp& op) {
    double& now = clock(Stream::compute);
    const double beside = std::clamp(clock(Stream::communication) - now, 0.0, op.seconds);
    const double spent = op.seconds + interference_ * beside;
    (node.phase == Phase::update ? state_.optimizer : state_.compute) += spent;
    now += spent;
}

void Playback::start(std::size_t at) {
    const OpNode& node = graph_.ops[at];
    const TimedOp& op = times_[at];
    double begin = clock(Stream::compute);
    follows_[at] = kNone;
    const auto follow = [&](std::int32_t other) {
        if (end_of(other) <= begin) return;
        begin = end_of(other);
        follows_[at] = other;
    };
    follow(latest_[static_cast<std::size_t>(op.stream)]);
    for (const auto id : graph_.inputs(node)) follow(writer_[storage(graph_, id)]);

    state_.start[at] = begin;
    clock(op.stream) = state_.end[at] = begin + op.seconds;
    latest_[static_cast<std::size_t>(op.stream)] = static_cast<std::int32_t>(at);
    use(at);
    if (op.stream == Stream::communication) {
        queued_.push_back(static_cast<std::int32_t>(at));
        interference_ = op.bound == Bound::network ? kNetworkInterference : kLinkInterference;
    }
}

void Playback::exchange(std::size_t at) {
    const TimedOp& op = times_[at];
    double begin = clock(Stream::compute);
    follows_[at] = kNone;
    for (const auto id : graph_.inputs(graph_.ops[at])) {
        const std::int32_t writer = writer_[storage(graph_, id)];
        if (end_of(writer) <= begin) continue;
        begin = end_of(writer);
        follows_[at] = writer;
    }
    state_.start[at] = begin;
    state_.end[at] = begin + op.seconds + share_wire(begin, op.seconds, op.bound);
    use(at);
}

double Playback::share_wire(double begin, double seconds, Bound wire) {
    std::erase_if(queued_, [&](std::int32_t op) { return end_of(op) <= begin; });
    double backlog = 0.0;
    for (const auto op : queued_) {
        const auto at = static_cast<std::size_t>(op);
        if (times_[at].bound == wire) backlog = std::max(backlog, state_.end[at] - begin);
    }
    const double both = std::min(seconds, backlog);
    const auto later = [&](double time) { return time + std::clamp(time - begin, 0.0, both); };
    for (const auto op : queued_) {
        const auto at = static_cast<std::size_t>(op);
        state_.start[at] = later(state_.start[at]);
        state_.end[at] = later(state_.end[at]);
    }
    clock(Stream::communication) = later(clock(Stream::communication));
    return both;
}

void Playback::use(std::size_t at) {
    const OpNode& node = graph_.ops[at];
    for (const auto id : graph_.inputs(node)) touch(id, at);
    for (const auto id : graph_.outputs(node)) {
        touch(id, at);
        writer_[storage(graph_, id)] = static_cast<std::int32_t>(at);
    }
}

void Playback::touch(TensorId id, std::size_t at) {
    std::int32_t& toucher = toucher_[storage(graph_, id)];
    if (state_.end[at] >= end_of(toucher)) toucher = static_cast<std::int32_t>(at);
}

void Playback::wait(const OpNode& node) {
    std::int32_t last = kNone;
    for (const auto id : graph_.inputs(node)) {
        const std::int32_t toucher = toucher_[storage(graph_, id)];
        if (end_of(toucher) > end_of(last)) last = toucher;
    }
    hold_until(last);
}

void Playback::hold_until(std::int32_t op) {
    double& now = clock(Stream::compute);
    double until = std::max(now, end_of(op));
    const double end = until;
    while (op != kNone && until > now) {
        const auto at = static_cast<std::size_t>(op);
        // An op that starts later has run again since: its earlier run held the same stream.
        const bool again = state_.start[at] >= until;
        const double from = again ? now : std::max(now, state_.start[at]);
        state_.exposed[static_cast<std::size_t>(times_[at].stream)] += until - from;
        until = from;
        op = follows_[at];
    }
    now = end;
}

void Playback::drain() {
    std::int32_t last = kNone;
    for (const auto op : latest_) {
        if (end_of(op) > end_of(last)) last = op;
    }
    const double before = clock(Stream::compute);
    hold_until(last);
    state_.phase[static_cast<std::size_t>(Phase::update)] += clock(Stream::compute) - before;
}

double Playback::end_of(std::int32_t op) const {
    return op == kNone ? 0.0 : state_.end[static_cast<std::size_t>(op)];
}

}  // namespace headroom
