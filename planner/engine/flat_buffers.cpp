#include "planner/engine/flat_buffers.h"

#include <algorithm>

#include "planner/technique/states.h"

namespace headroom {
namespace {

Bytes of(std::int64_t elements, double each) {
    return Bytes{static_cast<std::int64_t>(static_cast<double>(elements) * each)};
}

std::int64_t sum(const std::vector<std::int64_t>& elements) {
    std::int64_t all = 0;
    for (const auto count : elements) all += count;
    return all;
}

}  // namespace

std::vector<std::int64_t> slice_of(const FlatGroup& group, std::int64_t rank) {
    const std::int64_t each = ceil_div(sum(group.elements), group.shards);
    const std::int64_t begin = (rank % group.shards) * each;
    std::vector<std::int64_t> slice;
    std::int64_t at = 0;
    for (const auto count : group.elements) {
        const std::int64_t inside = std::min(at + count, begin + each) - std::max(at, begin);
        if (inside > 0) slice.push_back(inside);
        at += count;
    }
    return slice;
}

Bytes FlatBuffers::kept() const {
    Bytes all{};
    for (const auto size : buffers) all += size;
    for (const auto size : masters) all += size;
    for (const auto size : started) all += size;
    return all;
}

std::vector<FlatGroup> flat_groups(const Lowering& lowering) {
    const auto& request = lowering.request;
    std::vector<FlatGroup> groups(2);
    for (const UnitKind kind : {UnitKind::dense, UnitKind::expert}) {
        auto& group = groups[kind == UnitKind::expert ? 1 : 0];
        if (request.layout.zero > 0) group.shards = replica_ranks(request, kind);
    }
    for (const auto& unit : lowering.units) {
        if (!unit.trainable) continue;
        auto& group = groups[unit.kind == UnitKind::expert ? 1 : 0];
        for (const auto id : unit.parameters) {
            group.elements.push_back(numel(lowering.graph[id].shape));
        }
    }
    for (auto& group : groups) std::ranges::reverse(group.elements);
    std::erase_if(groups, [](const FlatGroup& group) { return group.elements.empty(); });
    return groups;
}

FlatBuffers flat_buffers(const std::vector<FlatGroup>& groups, const StateMemory& states,
                         std::int64_t rank) {
    std::int64_t all = 0;
    std::int64_t mine = 0;
    for (const auto& group : groups) {
        all += sum(group.elements);
        mine += ceil_div(sum(group.elements), group.shards);
    }
    FlatBuffers out;
    if (all == 0) return out;
    const double weight = states.weights.real() / static_cast<double>(all);
    const double gradient = states.gradients.real() / static_cast<double>(all);
    const double moments = states.moments.real() / static_cast<double>(mine) / 2.0;
    const double master = (states.optimizer - states.moments).real() / static_cast<double>(mine);
    for (const auto& group : groups) {
        for (const auto count : group.elements) out.weights.push_back(of(count, weight));
        out.buffers.push_back(of(sum(group.elements), weight));
        out.buffers.push_back(of(sum(group.elements), gradient));
        for (const auto count : slice_of(group, rank)) {
            out.masters.push_back(of(count, master));
            out.moments.insert(out.moments.end(), 2, of(count, moments));
        }
    }
    return out;
}

bool sums_apart(const StateMemory& states) { return states.gradients > 2 * states.weights; }

FlatBuffers zero1_buffers(const std::vector<FlatGroup>& groups, const StateMemory& states) {
    FlatBuffers out;
    for (const auto& group : groups) {
        const std::int64_t all = sum(group.elements);
        const std::int64_t mine = ceil_div(all, group.shards);
        for (const auto count : group.elements) out.weights.push_back(of(count, 2.0));
        out.buffers.push_back(of(all, 2.0));
        out.masters.push_back(of(mine, 4.0));
        (sums_apart(states) ? out.buffers : out.zeros)
            .push_back(of(sums_apart(states) ? all : mine, 4.0));
        out.started.insert(out.started.end(), 2, of(mine, 4.0));
    }
    return out;
}

}  // namespace headroom
