#include "planner/technique/sharding.h"

#include <algorithm>
#include <array>

#include "planner/technique/insertions.h"
#include "planner/technique/states.h"
#include "planner/technique/weight_fetch.h"

namespace headroom {
namespace {

/// Gradients of one unit after their last write in a micro-step.
class GradientSync {
public:
    GradientSync(Lowering& lowering, Insertions& insertions)
        : lowering_(lowering), graph_(lowering.graph), insertions_(insertions) {}

    void run() {
        std::vector<std::pair<std::size_t, StateUnit*>> order;
        const auto last = last_writes();
        for (std::size_t u = 0; u < lowering_.units.size(); ++u) {
            if (lowering_.units[u].trainable) order.emplace_back(last[u], &lowering_.units[u]);
        }
        std::ranges::stable_sort(order, {}, [](const auto& entry) { return entry.first; });
        for (const auto& [at, unit] : order) sync(*unit, at + 1);
        flush(graph_.ops.size());
    }

private:
    [[nodiscard]] std::vector<std::size_t> last_writes() const {
        std::vector<std::int32_t> unit_of(graph_.tensors.size(), -1);
        for (std::size_t u = 0; u < lowering_.units.size(); ++u) {
            const auto id = lowering_.units[u].gradient;
            if (id.valid())
                unit_of[static_cast<std::size_t>(id.index)] = static_cast<std::int32_t>(u);
        }
        std::vector<std::size_t> last(lowering_.units.size(), graph_.ops.size() - 1);
        for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
            for (const auto id : graph_.outputs(graph_.ops[at])) {
                const auto unit = unit_of[static_cast<std::size_t>(graph_.storage(id).index)];
                if (unit >= 0) last[static_cast<std::size_t>(unit)] = at;
            }
        }
        return last;
    }

    /// Whether gradients are summed in host memory (ZeRO-Offload): they leave the device as they
    /// become final, so it must be a shard, or a single rank's whole.
    [[nodiscard]] bool sums_on_host(const StateUnit& unit) const {
        const auto& request = lowering_.request;
        return request.offload.optimizer != Tier::device &&
               (request.layout.zero >= 2 || replica_ranks(request, unit.kind) == 1);
    }

    void sync(StateUnit& unit, std::size_t at) {
        const bool leaves = sums_on_host(unit);
        if (leaves) flush(at);  // the copy itself waits for the sum that it reads
        reduce(unit, at);
        if (!leaves) return;
        Tensor host = graph_[unit.kept_gradient];
        graph_[unit.kept_gradient].persistent = false;
        host.label = {"unit.gradient.host", unit.layer};
        host.place = Place::host;
        host.storage = TensorId{};
        host.persistent = true;
        const TensorId from = unit.kept_gradient;
        unit.kept_gradient = graph_.add(host);
        OpNode node = graph_.make(Transfer{.to = Place::host,
                                           .from = Place::device,
                                           .role = Role::gradient,
                                           .accumulation = kept_mode()},
                                  std::array{from}, std::array{unit.kept_gradient});
        node.layer = unit.layer;
        node.phase = Phase::backward;
        insertions_.before(at, node);
        pending_.push_back({from, unit.kept_gradient, When::every, unit.layer});
    }

    [[nodiscard]] Accumulation kept_mode() const {
        return graph_.micro_steps > 1 ? Accumulation::add_after_first : Accumulation::overwrite;
    }

    void reduce(StateUnit& unit, std::size_t at) {
        const auto& layout = lowering_.request.layout;
        const std::int64_t replicas = replica_ranks(lowering_.request, unit.kind);
        sum_alike_parts(unit, at);
        if (layout.zero >= 2) {
            scatter_every_micro_step(unit, at);
        } else if (layout.zero == 1 && unit.shards > 1) {
            unit.kept_gradient = shard_view(unit.gradient, unit);
            put(unit, at,
                {.kind = CollectiveKind::reduce_scatter,
                 .axis = shard_axis(unit),
                 .size = unit.shards,
                 .async = true,
                 .role = Role::gradient},
                unit.gradient, unit.kept_gradient, When::last);
        } else if (replicas > 1) {
            put(unit, at,
                {.kind = CollectiveKind::all_reduce,
                 .axis = data_axis(unit),
                 .size = replicas,
                 .async = true,
                 .role = Role::gradient},
                unit.gradient, unit.gradient, When::last);
        }
        const std::int64_t copies = replicas / unit.shards;
        if (layout.zero >= 1 && unit.shards > 1 && copies > 1) {
            put(unit, at,
                {.kind = CollectiveKind::all_reduce,
                 .axis = Axis::replica,
                 .size = copies,
                 .async = true,
                 .role = Role::gradient},
                unit.kept_gradient, unit.kept_gradient, When::last);
        }
    }

    /// ZeRO 2 and 3: the whole gradient lives from its first write to the reduce-scatter.
    void scatter_every_micro_step(StateUnit& unit, std::size_t at) {
        if (unit.shards == 1) return;
        Tensor kept{};
        kept.shape = {graph_[unit.gradient].shape[0] / unit.shards};
        kept.dtype = graph_[unit.gradient].dtype;
        kept.label = {"unit.gradient.shard", unit.layer};
        kept.role = Role::gradient;
        kept.persistent = true;
        unit.kept_gradient = graph_.add(kept);
        graph_[unit.gradient].persistent = false;
        put(unit, at,
            {.kind = CollectiveKind::reduce_scatter,
             .axis = shard_axis(unit),
             .size = unit.shards,
             .async = true,
             .role = Role::gradient,
             .accumulation = sums_on_host(unit) ? Accumulation::overwrite : kept_mode()},
            unit.gradient, unit.kept_gradient, When::every);
    }

    /// What tensor ranks hold alike got a part of its gradient on each: tokens or heads of its own.
    void sum_alike_parts(const StateUnit& unit, std::size_t at) {
        const auto& layout = lowering_.request.layout;
        const std::int64_t count = unit.replicated_end - unit.replicated_begin;
        if (layout.tensor == 1 || !layout.sequence_parallel || count == 0) return;
        Tensor part{};
        part.shape = {count};
        part.dtype = graph_[unit.gradient].dtype;
        part.label = {"unit.gradient.alike", unit.layer};
        part.role = Role::gradient;
        part.storage = unit.gradient;
        part.offset = Bytes{bytes_of(unit.replicated_begin, part.dtype)};
        const TensorId id = graph_.add(part);
        const When when = layout.zero >= 2 ? When::every : When::last;
        put(unit, at,
            {.kind = CollectiveKind::all_reduce,
             .axis = Axis::tensor,
             .size = layout.tensor,
             .role = Role::gradient},
            id, id, when);
    }

    TensorId shard_view(TensorId whole, const StateUnit& unit) {
        Tensor view = graph_[whole];
        view.shape[0] /= unit.shards;
        view.storage = whole;
        view.persistent = true;
        return graph_.add(view);
    }

    [[nodiscard]] static Axis shard_axis(const StateUnit& unit) {
        return unit.kind == UnitKind::expert ? Axis::expert_data : Axis::shard;
    }
    [[nodiscard]] static Axis data_axis(const StateUnit& unit) {
        return unit.kind == UnitKind::expert ? Axis::expert_data : Axis::data;
    }

    /// One collective; an asynchronous one is waited for when the next unit's begins.
    void put(const StateUnit& unit, std::size_t at, Collective op, TensorId in, TensorId out,
             When when) {
        if (op.async) flush(at);
        OpNode node = graph_.make(op, std::array{in}, std::array{out});
        node.layer = unit.layer;
        node.phase = Phase::backward;
        node.when = when;
        insertions_.before(at, node);
        if (op.async) pending_.push_back({in, out, when, unit.layer});
    }

    void flush(std::size_t at) {
        for (const auto& [in, out, when, layer] : pending_) {
            OpNode wait = graph_.make(Wait{}, std::array{in, out}, {});
            wait.layer = layer;
            wait.phase = Phase::backward;
            wait.when = when;
            insertions_.before(at, wait);
        }
        pending_.clear();
    }

    struct Pending {
        TensorId in;
        TensorId out;
        When when;
        std::int32_t layer;
    };

    Lowering& lowering_;
    StepGraph& graph_;
    Insertions& insertions_;
    std::vector<Pending> pending_{};
};

/// A gradient that does not outlive the micro-step starts afresh in each.
void overwrite_transient_gradients(StepGraph& graph) {
    const auto fix = [](auto& op) {
        if constexpr (requires { op.accumulation; }) {
            if (op.accumulation == Accumulation::add_after_first) {
                op.accumulation = Accumulation::overwrite;
            }
        }
    };
    for (auto& node : graph.ops) {
        if (std::holds_alternative<Collective>(node.op) ||
            std::holds_alternative<Transfer>(node.op) || node.out_count == 0) {
            continue;
        }
        const TensorId last = graph.outputs(node).back();
        const Tensor& root = graph[graph.storage(last)];
        if (graph[last].role == Role::gradient && !root.persistent) std::visit(fix, node.op);
    }
}

}  // namespace

void shard(Lowering& lowering) {
    Insertions insertions;
    GradientSync(lowering, insertions).run();
    fetch_weights(lowering, insertions);
    insertions.merge_into(lowering.graph);
    overwrite_transient_gradients(lowering.graph);
}

}  // namespace headroom
