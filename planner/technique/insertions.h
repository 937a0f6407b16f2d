#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "planner/step/step_graph.h"

namespace headroom {

/// Ops to put into a list, each before the op that now has that index; merged in one go. Ops put
/// at one place keep the order they were added in.
class Insertions {
public:
    void before(std::size_t op, OpNode node) { nodes_.emplace_back(op, std::move(node)); }
    void after(std::size_t op, OpNode node) { before(op + 1, std::move(node)); }

    /// Works from the end of the list, so that the ops before the first place are not touched.
    void merge_into(StepGraph& graph) {
        std::vector<std::pair<std::size_t, std::size_t>> order;  // place, then the order of adding
        order.reserve(nodes_.size());
        for (const auto& [op, node] : nodes_) order.emplace_back(op, order.size());
        std::ranges::sort(order);
        std::size_t from = graph.ops.size();
        std::size_t to = from + nodes_.size();
        graph.ops.resize(to);
        while (!order.empty()) {
            const auto [at, index] = order.back();
            order.pop_back();
            while (from > at) graph.ops[--to] = std::move(graph.ops[--from]);
            graph.ops[--to] = std::move(nodes_[index].second);
        }
        nodes_.clear();
    }

private:
    std::vector<std::pair<std::size_t, OpNode>> nodes_{};
};

}  // namespace headroom
