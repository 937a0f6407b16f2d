#include "planner/step/tape.h"

#include <algorithm>
#include <array>

namespace headroom {
namespace {

template <class T>
concept Differentiable = requires(const T& op, Tape& tape, const OpNode& node) {
    op.backward(tape, node);
};

/// How many times the forward graph a step may become: backward, ops run again, transfers, update.
constexpr std::size_t kGrowth = 4;

/// A loss, or the last value of a pipeline stage: its gradient comes from elsewhere.
bool starts_backward(const Op& op) {
    const auto* collective = std::get_if<Collective>(&op);
    return std::holds_alternative<CrossEntropy>(op) || std::holds_alternative<HeadLoss>(op) ||
           (collective != nullptr && collective->kind == CollectiveKind::send);
}

}  // namespace

void Tape::run() {
    const std::size_t forward_ops = graph_.ops.size();
    graph_.reserve_times(kGrowth);
    for (std::size_t at = 0; at < forward_ops; ++at) {
        const OpNode& node = graph_.ops[at];
        if (!std::holds_alternative<FakeQuantize>(node.op)) continue;
        if (graph_[in(node, 0)].parameter.is_parameter) rounded_by_[out(node, 0)] = at;
    }
    for (std::size_t at = forward_ops; at-- > 0;) {
        const OpNode node = graph_.ops[at];  // a copy: emitting moves the list
        at_ = at;
        layer_ = node.layer;
        const auto outputs = graph_.outputs(node);
        const bool reached =
            std::ranges::any_of(outputs, [&](TensorId id) { return gradient(id).valid(); });
        if (!reached && !starts_backward(node.op)) continue;
        std::visit(
            [&](const auto& op) {
                if constexpr (Differentiable<std::remove_cvref_t<decltype(op)>>) {
                    op.backward(*this, node);
                }
            },
            node.op);
    }
}

void Tape::set(TensorId value, TensorId gradient) {
    const auto at = static_cast<std::size_t>(value.index);
    if (at >= gradient_.size()) gradient_.resize(graph_.tensors.size());
    gradient_[at] = gradient;
    const auto by = static_cast<std::size_t>(gradient.index);
    if (by >= given_.size()) given_.resize(graph_.tensors.size());
    if (given_[by] < 2) ++given_[by];
}

void Tape::give(TensorId value, TensorId contribution) {
    if (!wants(value)) return;
    const TensorId present = gradient(value);
    if (!present.valid()) {
        set(value, contribution);
        return;
    }
    const std::array in{present, contribution};
    // A gradient that another value shares is still to be read as it is.
    const Op sum = exclusive(present) ? Op{Accumulate{}} : Op{Add{.in_place = false}};
    set(value, emit(sum, in, value)[0]);
}

void Tape::replace(TensorId value, TensorId gradient) {
    if (wants(value)) set(value, gradient);
}

Emitted Tape::emit(Op op, std::span<const TensorId> in, TensorId like) {
    Label label = graph_[like].label;
    label.gradient = true;
    auto out = graph_.emit(std::move(op), in, label, Phase::backward);
    graph_.ops.back().layer = layer_;
    return out;
}

Emitted Tape::emit_into(Op op, std::span<const TensorId> in, TensorId like,
                        std::span<const TensorId> parameters) {
    const Emitted out = emit(std::move(op), in, like);
    for (const auto parameter : parameters) {
        graph_.also_writes(std::array{graph_[parameter].parameter.gradient});
    }
    return out;
}

void Tape::rewrite(Op op, std::span<const TensorId> parameters) {
    const OpNode old = graph_.ops[at_];
    const std::vector<TensorId> in(graph_.inputs(old).begin(), graph_.inputs(old).end());
    std::vector<TensorId> out(graph_.outputs(old).begin(), graph_.outputs(old).end());
    for (const auto parameter : parameters) out.push_back(graph_[parameter].parameter.gradient);
    OpNode node = graph_.make(std::move(op), in, out);
    node.layer = old.layer;
    node.phase = old.phase;
    graph_.ops[at_] = std::move(node);
}

const OpNode* Tape::rounding(TensorId weight) const {
    const auto found = rounded_by_.find(weight);
    return found == rounded_by_.end() ? nullptr : &graph_.ops[found->second];
}

TensorId Tape::parameter(TensorId weight) const {
    const OpNode* node = rounding(weight);
    return node == nullptr ? weight : in(*node, 0);
}

void Tape::pass_through(TensorId weight) {
    const OpNode* node = rounding(weight);
    if (node == nullptr) return;
    const TensorId source = in(*node, 0);
    const FakeQuantizeGrad grad{.to = std::get<FakeQuantize>(node->op).to};
    emit_into(grad, std::array{source}, source, std::array{source});
}

Accumulation Tape::accumulation(TensorId parameter) {
    const TensorId target = graph_[parameter].parameter.gradient;
    auto written = written_.at(static_cast<std::size_t>(target.index));
    if (written) return Accumulation::add;
    written = true;
    return graph_.micro_steps > 1 ? Accumulation::add_after_first : Accumulation::overwrite;
}

}  // namespace headroom
