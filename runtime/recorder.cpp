#include "runtime/recorder.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace headroom {
namespace {

// Marks 0 and 1 belong to the step; each watched op takes two more.
constexpr std::size_t kFirstMark = 2;

}  // namespace

Recorder::Recorder(Executor& executor) : executor_(executor) {}

void Recorder::start() {
    order_.clear();
    counted_.clear();
    Backend& backend = executor_.backend();
    backend.take_work();
    executor_.observe({.before =
                           [this, &backend](std::size_t op) {
                               order_.push_back(op);
                               backend.mark(kFirstMark + 2 * (order_.size() - 1));
                           },
                       .after =
                           [this, &backend](std::size_t) {
                               backend.mark(kFirstMark + 2 * (order_.size() - 1) + 1);
                               counted_.push_back(backend.take_work());
                           }});
}

void Recorder::stop() {
    executor_.observe({});
    Backend& backend = executor_.backend();
    samples_.clear();
    for (std::size_t i = 0; i < order_.size(); ++i) {
        const std::size_t mark = kFirstMark + 2 * i;
        samples_.push_back(
            {.op = order_[i], .work = counted_[i], .time = backend.between(mark, mark + 1)});
    }
    if (!order_.empty()) {
        whole_ = backend.between(kFirstMark, kFirstMark + 2 * order_.size() - 1);
    }
}

Seconds Recorder::overhead() const {
    Seconds kernels{};
    for (const auto& sample : samples_) kernels += sample.time;
    if (samples_.empty()) return {};
    return (whole_ - kernels) / static_cast<double>(samples_.size());
}

std::vector<MeasuredPhase> Recorder::phases() const {
    std::vector<MeasuredPhase> phases;
    for (const auto phase : {Phase::forward, Phase::backward, Phase::update}) {
        phases.push_back({.phase = std::string(name(phase))});
    }
    for (const auto& sample : samples_) {
        const auto& node = executor_.graph().ops[sample.op];
        auto& row = phases[static_cast<std::size_t>(node.phase)];
        row.matrix += Flops{static_cast<double>(sample.work.matrix)};
        row.vector += Flops{static_cast<double>(sample.work.vector)};
        row.padding += Flops{static_cast<double>(sample.work.padding)};
        row.time += sample.time;
    }
    return phases;
}

std::vector<MeasuredOp> Recorder::ops() const {
    std::map<std::pair<Phase, std::string_view>, MeasuredOp> rows;
    for (const auto& sample : samples_) {
        const auto& node = executor_.graph().ops[sample.op];
        auto& row = rows[{node.phase, name(node.op)}];
        ++row.count;
        row.matrix += Flops{static_cast<double>(sample.work.matrix)};
        row.moved += work(executor_.graph(), node).moved;
        row.time += sample.time;
    }
    std::vector<MeasuredOp> out;
    for (auto& [key, row] : rows) {
        row.phase = name(key.first);
        row.op = key.second;
        out.push_back(row);
    }
    return out;
}

MeasuredMemory measured_memory(const Executor& executor, Place place) {
    const HighWater& high = executor.arena().high_water(place);
    MeasuredMemory out{.by_role = high.by_role,
                       .total = high.total,
                       .block = executor.arena().block(place),
                       .top = high.top};
    if (high.op < 0) return out;
    const OpNode& node = executor.graph().ops[static_cast<std::size_t>(high.op)];
    out.peak_op = name(node.op);
    out.peak_phase = name(node.phase);
    out.peak_layer = node.layer;
    return out;
}

}  // namespace headroom
