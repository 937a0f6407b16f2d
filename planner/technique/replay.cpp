#include "planner/technique/replay.h"

namespace headroom {

TensorId Replay::mapped(TensorId old_id) {
    TensorId& id = new_of_[static_cast<std::size_t>(old_id.index)];
    if (!id.valid()) {
        Tensor leaf = old_[old_id];
        leaf.storage = TensorId{};
        id = next_.add(leaf);
    }
    return id;
}

std::vector<TensorId> Replay::mapped_inputs(const OpNode& node) {
    std::vector<TensorId> in;
    in.reserve(node.in_count);
    for (const auto id : old_.inputs(node)) in.push_back(mapped(id));
    return in;
}

Emitted Replay::emit_as(const OpNode& node, Op op, std::span<const TensorId> in) {
    auto out = next_.emit(std::move(op), in, {.layer = node.layer}, node.phase);
    const auto old_out = old_.outputs(node);
    for (std::size_t i = 0; i < out.size() && i < old_out.size(); ++i) {
        const Tensor& old_tensor = old_[old_out[i]];
        Tensor& tensor = next_[out[i]];
        tensor.label = old_tensor.label;
        tensor.role = old_tensor.role;
        tensor.needs_gradient |= old_tensor.needs_gradient && in.empty();
        map(old_out[i], out[i]);
    }
    return out;
}

TensorId Replay::insert(const OpNode& beside, Op op, std::span<const TensorId> in,
                        std::string_view part) {
    const auto out = next_.emit(std::move(op), in, {part, beside.layer}, beside.phase);
    return out.empty() ? TensorId{} : out.front();
}

StepGraph Replay::finish() {
    for (std::size_t i = 0; i < old_.tensors.size(); ++i) {
        if (old_.tensors[i].parameter.is_parameter) mapped(TensorId{static_cast<std::int32_t>(i)});
    }
    return std::move(next_);
}

}  // namespace headroom
