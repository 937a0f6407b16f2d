#include "planner/technique/weight_fetch.h"

#include <algorithm>
#include <array>

namespace headroom {
namespace {

/// A stretch of consecutive ops of one layer that read a unit's weights.
struct Region {
    std::size_t begin = 0;
    std::size_t end = 0;  ///< last op that reads
    std::size_t unit = 0;
};

class Fetcher {
public:
    Fetcher(Lowering& lowering, Insertions& insertions)
        : lowering_(lowering), graph_(lowering.graph), insertions_(insertions) {}

    void run() {
        number_blocks();
        find_regions();
        if (regions_.empty()) return;
        for (auto& unit : lowering_.units) {
            if (fetches_weights(lowering_.request, unit)) keep(unit);
        }
        const auto ahead = static_cast<std::size_t>(lowering_.request.layout.prefetch);
        for (std::size_t r = 0; r < regions_.size(); ++r) {
            const std::size_t issue = regions_[r >= ahead ? r - ahead : 0].begin;
            fetch(regions_[r], issue);
        }
    }

private:
    /// Runs of ops of one layer; a use in another run is another region.
    void number_blocks() {
        block_.resize(graph_.ops.size());
        std::int32_t block = 0;
        for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
            if (at > 0 && graph_.ops[at].layer != graph_.ops[at - 1].layer) ++block;
            block_[at] = block;
        }
    }

    void find_regions() {
        std::vector<std::int32_t> unit_of(graph_.tensors.size(), -1);
        for (std::size_t u = 0; u < lowering_.units.size(); ++u) {
            if (!fetches_weights(lowering_.request, lowering_.units[u])) continue;
            unit_of[static_cast<std::size_t>(lowering_.units[u].weights.index)] =
                static_cast<std::int32_t>(u);
        }
        std::vector<std::int32_t> open(lowering_.units.size(), -1);
        for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
            for (const auto id : graph_.inputs(graph_.ops[at])) {
                const auto unit = unit_of[static_cast<std::size_t>(graph_.storage(id).index)];
                if (unit < 0) continue;
                auto& current = open[static_cast<std::size_t>(unit)];
                if (current < 0 ||
                    block_[regions_[static_cast<std::size_t>(current)].end] != block_[at]) {
                    current = static_cast<std::int32_t>(regions_.size());
                    regions_.push_back({at, at, static_cast<std::size_t>(unit)});
                }
                regions_[static_cast<std::size_t>(current)].end = at;
            }
        }
    }

    /// What stays between uses: this rank's shard, wherever parameters live.
    void keep(StateUnit& unit) {
        const Tier tier = lowering_.request.offload.parameters;
        Tensor kept = graph_[unit.weights];
        kept.shape[0] /= unit.shards;
        kept.label.part = "unit.weights.shard";
        kept.place =
            tier == Tier::device ? Place::device : (tier == Tier::cpu ? Place::host : Place::nvme);
        kept.storage = TensorId{};
        unit.kept_weights = graph_.add(kept);
        graph_[unit.weights].persistent = false;
    }

    void fetch(const Region& region, std::size_t issue) {
        const StateUnit& unit = lowering_.units[region.unit];
        TensorId have = unit.kept_weights;
        std::vector<TensorId> waited;
        if (graph_[have].place == Place::nvme) {
            have = copy(unit, have, Place::host, region, issue, waited);
        }
        if (graph_[have].place == Place::host) {
            have = copy(unit, have, Place::device, region, issue, waited);
        }
        if (unit.shards > 1) {
            Collective op{.kind = CollectiveKind::all_gather,
                          .axis = unit.kind == UnitKind::expert ? Axis::expert_data : Axis::shard,
                          .size = unit.shards,
                          .async = true,
                          .role = Role::communication};
            const TensorId whole = temporary(unit, Place::device, unit.shards);
            place(op, have, whole, region, issue);
            waited.push_back(whole);
            have = whole;
        }
        wait(waited, region);
        redirect(unit, region, have);
    }

    TensorId temporary(const StateUnit& unit, Place where, std::int64_t times) {
        Tensor tensor{};
        tensor.shape = {graph_[unit.kept_weights].shape[0] * times};
        tensor.dtype = graph_[unit.kept_weights].dtype;
        tensor.label = {"unit.weights.fetched", unit.layer};
        tensor.role = Role::communication;
        tensor.place = where;
        return graph_.add(tensor);
    }

    TensorId copy(const StateUnit& unit, TensorId from, Place to, const Region& region,
                  std::size_t issue, std::vector<TensorId>& waited) {
        const Transfer op{.to = to, .from = graph_[from].place, .role = Role::communication};
        const TensorId out = temporary(unit, to, 1);
        place(op, from, out, region, issue);
        waited.push_back(out);
        return out;
    }

    void place(Op op, TensorId in, TensorId out, const Region& region, std::size_t issue) {
        OpNode node = graph_.make(std::move(op), std::array{in}, std::array{out});
        node.layer = graph_.ops[region.begin].layer;
        node.phase = graph_.ops[issue].phase;
        insertions_.before(issue, node);
    }

    void wait(const std::vector<TensorId>& waited, const Region& region) {
        OpNode node = graph_.make(Wait{}, waited, {});
        node.layer = graph_.ops[region.begin].layer;
        node.phase = graph_.ops[region.begin].phase;
        insertions_.before(region.begin, node);
    }

    /// Readers in the region read views of what was brought in.
    void redirect(const StateUnit& unit, const Region& region, TensorId whole) {
        std::vector<TensorId> view(unit.parameters.size());
        for (std::size_t at = region.begin; at <= region.end; ++at) {
            for (auto& id : graph_.inputs(graph_.ops[at])) {
                if (graph_.storage(id) != unit.weights) continue;
                const auto found = std::ranges::find(unit.parameters, id);
                const auto index = static_cast<std::size_t>(found - unit.parameters.begin());
                if (!view[index].valid()) {
                    Tensor part = graph_[id];
                    part.storage = whole;
                    part.persistent = false;
                    part.parameter.is_parameter = false;
                    part.parameter.copy_of = id;
                    part.role = Role::communication;
                    view[index] = graph_.add(part);
                }
                id = view[index];
            }
        }
    }

    Lowering& lowering_;
    StepGraph& graph_;
    Insertions& insertions_;
    std::vector<std::int32_t> block_{};
    std::vector<Region> regions_{};
};

}  // namespace

bool fetches_weights(const PlanRequest& request, const StateUnit& unit) {
    return (request.layout.zero == 3 && unit.shards > 1) ||
           request.offload.parameters != Tier::device;
}

void fetch_weights(Lowering& lowering, Insertions& insertions) {
    Fetcher(lowering, insertions).run();
}

}  // namespace headroom
