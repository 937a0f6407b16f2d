#include "planner/step/in_flight.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "planner/step/promise.h"

namespace headroom {

bool is_async(const Op& op) {
    if (const auto* collective = std::get_if<Collective>(&op)) return collective->async;
    return std::holds_alternative<Transfer>(op);
}

InFlight::InFlight(const StepGraph& graph, const Extents& extents)
    : graph_(&graph),
      extents_(&extents),
      operands_(graph.tensors.size()),
      last_use_(graph.tensors.size()) {
    for (std::size_t at = 0; at < graph.ops.size(); ++at) {
        const auto touch = [&](TensorId id) {
            last_use_[static_cast<std::size_t>(graph.storage(id).index)] =
                static_cast<std::int32_t>(at);
        };
        for (const auto id : graph.inputs(graph.ops[at])) touch(id);
        for (const auto id : graph.outputs(graph.ops[at])) touch(id);
    }
}

bool InFlight::reads(std::int32_t op, TensorId id) const {
    return std::ranges::any_of(graph_->inputs(node(op)),
                               [&](TensorId in) { return extents_->share(in, id); });
}

bool InFlight::writes(std::int32_t op, TensorId id) const {
    return std::ranges::any_of(graph_->outputs(node(op)),
                               [&](TensorId out) { return extents_->share(out, id); });
}

std::int32_t InFlight::writer(TensorId id) const {
    const auto found = std::ranges::find_if(ops_, [&](auto op) { return writes(op, id); });
    return found == ops_.end() ? -1 : *found;
}

std::int32_t InFlight::user(TensorId id, const Op& writer) const {
    const auto found = std::ranges::find_if(ops_, [&](auto op) {
        const bool queues = is_async(writer) && writer.index() == node(op).op.index();
        return !queues && (reads(op, id) || writes(op, id));
    });
    return found == ops_.end() ? -1 : *found;
}

void InFlight::launch(std::int32_t op) {
    ops_.push_back(op);
    const auto count = [&](TensorId id) {
        ++operands_[static_cast<std::size_t>(graph_->storage(id).index)];
    };
    for (const auto id : graph_->inputs(node(op))) count(id);
    for (const auto id : graph_->outputs(node(op))) count(id);
}

void InFlight::wait(std::int32_t op) {
    for (const auto id : graph_->inputs(node(op))) {
        for (std::size_t i = ops_.size(); i-- > 0 && touches(id);) {
            // Completing one may have completed others, all of them older.
            if (i >= ops_.size()) continue;
            if (reads(ops_[i], id) || writes(ops_[i], id)) complete(i, op);
        }
    }
}

void InFlight::complete(std::size_t index, std::int32_t wait) {
    const std::int32_t op = ops_[index];
    ops_.erase(ops_.begin() + static_cast<std::ptrdiff_t>(index));
    for (const auto id : graph_->inputs(node(op))) release(op, id, wait);
    for (const auto id : graph_->outputs(node(op))) release(op, id, wait);
    for (std::size_t i = index; i-- > 0;) {
        if (i >= ops_.size()) continue;
        const std::int32_t older = ops_[i];
        const bool feeds = std::ranges::any_of(graph_->inputs(node(op)),
                                               [&](TensorId id) { return writes(older, id); });
        if (feeds) complete(i, wait);
    }
}

void InFlight::release(std::int32_t op, TensorId id, std::int32_t wait) {
    const TensorId storage = graph_->storage(id);
    --operands_[static_cast<std::size_t>(storage.index)];
    if ((*graph_)[storage].persistent) return;
    if (last_use_[static_cast<std::size_t>(storage.index)] >= wait) return;
    broken(*graph_, op,
           fmt::format("{} may be freed before {} ends it", to_string((*graph_)[id].label),
                       title(*graph_, wait)));
}

}  // namespace headroom
