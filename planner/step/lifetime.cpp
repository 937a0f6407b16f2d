#include "planner/step/lifetime.h"

#include <algorithm>

namespace headroom {

Bytes storage_size(const Tensor& tensor) {
    return Bytes{round_up(bytes(tensor).count(), kAlignment)};
}

std::vector<Lifetime> lifetimes(const StepGraph& graph) {
    std::vector<Lifetime> lives(graph.tensors.size());
    for (std::size_t at = 0; at < graph.ops.size(); ++at) {
        const auto& node = graph.ops[at];
        const auto touch = [&](TensorId id) {
            Lifetime& life = lives[static_cast<std::size_t>(graph.storage(id).index)];
            if (life.first < 0) life.first = static_cast<std::int32_t>(at);
            life.last = static_cast<std::int32_t>(at);
        };
        for (const auto id : graph.inputs(node)) touch(id);
        for (const auto id : graph.outputs(node)) touch(id);
    }
    const auto last = static_cast<std::int32_t>(graph.ops.size()) - 1;
    for (std::size_t i = 0; i < lives.size(); ++i) {
        const auto& tensor = graph.tensors[i];
        if (tensor.persistent && tensor.storage.index == static_cast<std::int32_t>(i)) {
            lives[i] = {0, last};
        }
    }
    return lives;
}

Bytes total(const RoleBytes& bytes) {
    Bytes sum{};
    for (const auto part : bytes) sum += part;
    return sum;
}

namespace {

/// Changes of the live bytes: what starts at an op and what ends after it.
struct Change {
    std::int32_t op = 0;
    std::uint8_t role = 0;
    Bytes size{};
};

/// Calls visit(op, live bytes by role) for every op in order, or never if there are no bytes.
template <class Visit>
void sweep(const StepGraph& graph, const std::vector<Lifetime>& lives, Place place, Visit visit) {
    const std::size_t ops = graph.ops.size();
    std::vector<std::uint32_t> starts(ops + 2);
    std::vector<std::uint32_t> ends(ops + 2);
    const auto counts = [&](std::size_t i) {
        return lives[i].first >= 0 && graph.tensors[i].place == place;
    };
    for (std::size_t i = 0; i < lives.size(); ++i) {
        if (!counts(i)) continue;
        ++starts[static_cast<std::size_t>(lives[i].first) + 1];
        ++ends[static_cast<std::size_t>(lives[i].last) + 1];
    }
    for (std::size_t at = 1; at < starts.size(); ++at) {
        starts[at] += starts[at - 1];
        ends[at] += ends[at - 1];
    }
    if (starts.back() == 0) return;  // nothing ever lies there
    std::vector<Change> begin(starts.back());
    std::vector<Change> end(ends.back());
    auto start_at = starts;
    auto end_at = ends;
    for (std::size_t i = 0; i < lives.size(); ++i) {
        if (!counts(i)) continue;
        const Change change{.role = static_cast<std::uint8_t>(graph.tensors[i].role),
                            .size = storage_size(graph.tensors[i])};
        begin[start_at[static_cast<std::size_t>(lives[i].first)]++] = change;
        end[end_at[static_cast<std::size_t>(lives[i].last)]++] = change;
    }
    RoleBytes live{};
    for (std::size_t at = 0; at < ops; ++at) {
        for (auto k = starts[at]; k < starts[at + 1]; ++k) live[begin[k].role] += begin[k].size;
        visit(at, live);
        for (auto k = ends[at]; k < ends[at + 1]; ++k) live[end[k].role] -= end[k].size;
    }
}

}  // namespace

MemoryTimeline memory_timeline(const StepGraph& graph, const std::vector<Lifetime>& lives,
                               Place place) {
    MemoryTimeline timeline;
    timeline.at.resize(graph.ops.size());
    sweep(graph, lives, place,
          [&](std::size_t at, const RoleBytes& live) { timeline.at[at] = live; });
    return timeline;
}

Peak peak(const MemoryTimeline& timeline) {
    Peak best;
    for (std::size_t at = 0; at < timeline.at.size(); ++at) {
        const Bytes sum = total(timeline.at[at]);
        if (sum > best.total) best = {sum, timeline.at[at], at};
    }
    return best;
}

Peak peak(const StepGraph& graph, const std::vector<Lifetime>& lives, Place place) {
    Peak best;
    sweep(graph, lives, place, [&](std::size_t at, const RoleBytes& live) {
        const Bytes sum = total(live);
        if (sum > best.total) best = {sum, live, at};
    });
    return best;
}

RoleBytes kept_for_backward(const StepGraph& graph, const std::vector<Lifetime>& lives,
                            Place place) {
    const auto boundary = std::ranges::find_if(
        graph.ops, [](const OpNode& node) { return node.phase != Phase::forward; });
    const auto at = static_cast<std::int32_t>(boundary - graph.ops.begin());
    RoleBytes kept{};
    for (std::size_t i = 0; i < lives.size(); ++i) {
        const auto& tensor = graph.tensors[i];
        if (tensor.persistent || tensor.place != place) continue;
        if (lives[i].first >= 0 && lives[i].first < at && lives[i].last >= at) {
            kept[static_cast<std::size_t>(tensor.role)] += storage_size(tensor);
        }
    }
    return kept;
}

}  // namespace headroom
