#include "planner/step/step_graph.h"

#include <algorithm>

namespace headroom {

TensorId StepGraph::add(Tensor tensor) {
    const TensorId id{static_cast<std::int32_t>(tensors.size())};
    if (!tensor.storage.valid()) tensor.storage = id;
    tensors.push_back(std::move(tensor));
    return id;
}

OpNode StepGraph::make(Op op, std::span<const TensorId> in, std::span<const TensorId> out) {
    OpNode node{.op = std::move(op)};
    node.in_begin = static_cast<std::uint32_t>(operands_.size());
    node.in_count = static_cast<std::uint16_t>(in.size());
    node.out_count = static_cast<std::uint16_t>(out.size());
    operands_.insert(operands_.end(), in.begin(), in.end());
    operands_.insert(operands_.end(), out.begin(), out.end());
    return node;
}

void lie_over(Tensor& out, const OutputSpec& spec, const Tensor& source) {
    out.storage = source.storage;
    out.offset = source.offset;
    out.row_stride = source.row_stride;
    if (spec.column < 0) return;
    out.offset += Bytes{bytes_of(spec.column, source.dtype)};
    if (out.row_stride == 0) out.row_stride = source.shape.back();
}

TensorId StepGraph::add_output(const OutputSpec& spec, std::span<const TensorId> in, Label label) {
    Tensor tensor{};
    tensor.shape = spec.shape;
    tensor.dtype = spec.dtype;
    tensor.role = spec.role;
    tensor.label = label;
    if (!spec.part.empty()) tensor.label.part = spec.part;
    if (spec.alias >= 0) {
        const Tensor& source = (*this)[in[static_cast<std::size_t>(spec.alias)]];
        lie_over(tensor, spec, source);
        tensor.role = source.role;
        tensor.place = source.place;
    }
    tensor.needs_gradient =
        std::ranges::any_of(in, [&](TensorId id) { return (*this)[id].needs_gradient; });
    return add(tensor);
}

Emitted StepGraph::emit(Op op, std::span<const TensorId> in, Label label, Phase phase) {
    const Outputs declared =
        std::visit([&](const auto& value) { return value.outputs(Specs(*this, in)); }, op);
    Emitted out;
    for (const auto& spec : declared) out.push(add_output(spec, in, label));
    OpNode node = make(std::move(op), in, out);
    node.layer = label.layer;
    node.phase = phase;
    ops.push_back(std::move(node));
    return out;
}

TensorId StepGraph::emit_one(Op op, std::span<const TensorId> in, Label label, Phase phase) {
    return emit(std::move(op), in, label, phase).front();
}

void StepGraph::also_writes(std::span<const TensorId> out) {
    operands_.insert(operands_.end(), out.begin(), out.end());
    ops.back().out_count = static_cast<std::uint16_t>(ops.back().out_count + out.size());
}

void StepGraph::reserve_times(std::size_t times) {
    tensors.reserve(tensors.size() * times);
    ops.reserve(ops.size() * times);
    operands_.reserve(operands_.size() * times);
}

std::string_view name(const Op& op) {
    return std::visit([](const auto& value) { return std::remove_cvref_t<decltype(value)>::name; },
                      op);
}

Work work(const StepGraph& graph, const OpNode& node) {
    Work result = std::visit(
        [&](const auto& op) {
            return op.work(graph.specs(node), Specs(graph, graph.outputs(node)));
        },
        node.op);
    if (node.recomputed) result.model = Flops{};
    if (result.moved.count() >= 0) return result;
    result.moved = Bytes{};
    for (const auto id : graph.inputs(node)) result.moved += bytes(graph[id]);
    for (const auto id : graph.outputs(node)) result.moved += bytes(graph[id]);
    return result;
}

}  // namespace headroom
