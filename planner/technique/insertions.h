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

    void merge_into(StepGraph& graph) {
        std::ranges::stable_sort(nodes_, {}, [](const auto& entry) { return entry.first; });
        std::vector<OpNode> merged;
        merged.reserve(graph.ops.size() + nodes_.size());
        std::size_t next = 0;
        for (std::size_t at = 0; at <= graph.ops.size(); ++at) {
            while (next < nodes_.size() && nodes_[next].first == at) {
                merged.push_back(std::move(nodes_[next++].second));
            }
            if (at < graph.ops.size()) merged.push_back(std::move(graph.ops[at]));
        }
        graph.ops = std::move(merged);
        nodes_.clear();
    }

private:
    std::vector<std::pair<std::size_t, OpNode>> nodes_{};
};

}  // namespace headroom
