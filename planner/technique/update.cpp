#include "planner/technique/update.h"

#include <algorithm>
#include <array>
#include <utility>

#include "planner/technique/pruning.h"
#include "planner/technique/states.h"
#include "planner/technique/weight_fetch.h"

namespace headroom {
namespace {

Place place_of(Tier tier) {
    return tier == Tier::device ? Place::device : (tier == Tier::cpu ? Place::host : Place::nvme);
}

class Updater {
public:
    explicit Updater(Lowering& lowering)
        : lowering_(lowering),
          graph_(lowering.graph),
          request_(lowering.request),
          home_(place_of(request_.offload.optimizer)),
          pages_(request_.adapter.kind == AdapterKind::qlora && request_.adapter.paged_optimizer &&
                 home_ == Place::device && !is_host(request_.hardware.profile)) {}

    void run() {
        const bool any_on_host = std::ranges::any_of(lowering_.units, [&](const StateUnit& unit) {
            return unit.trainable && graph_[unit.kept_gradient].place == Place::host;
        });
        sums_ = add("grad_norm.sums", -1, 2, DType::f32, Role::workspace,
                    any_on_host ? Place::host : Place::device, true);
        // The norm is one sum: where some gradients are on the host, the others go there before it.
        for (auto& unit : lowering_.units) {
            if (unit.trainable && any_on_host) unit.kept_gradient = on_host(unit);
        }
        for (auto& unit : lowering_.units) {
            if (!unit.trainable) continue;
            mask(unit);
            norm(unit);
        }
        reduce_sums();
        for (auto& unit : lowering_.units) {
            if (unit.trainable) update(unit);
        }
        wait();
    }

private:
    TensorId add(std::string_view part, std::int32_t layer, std::int64_t count, DType dtype,
                 Role role, Place place, bool persistent) {
        Tensor tensor{};
        tensor.shape = {count};
        tensor.dtype = dtype;
        tensor.label = {part, layer};
        tensor.role = role;
        tensor.place = place;
        tensor.persistent = persistent;
        return graph_.add(tensor);
    }

    void put(Op op, std::span<const TensorId> in, std::span<const TensorId> out,
             std::int32_t layer) {
        OpNode node = graph_.make(std::move(op), in, out);
        node.layer = layer;
        node.phase = Phase::update;
        graph_.ops.push_back(std::move(node));
    }

    /// Which elements of the kept gradient are of weights that are there, a bit each.
    void mask(const StateUnit& unit) {
        if (!request_.prune.is_on()) return;
        bool any = false;
        for (const auto id : unit.parameters) {
            graph_[id].parameter.pruned = is_pruned(graph_[id]);
            any |= graph_[id].parameter.pruned;
        }
        if (!any) return;
        const Tensor& gradient = graph_[unit.kept_gradient];
        const MaskGradient op{.place = gradient.place};
        const TensorId bits =
            add("mask", unit.layer, ceil_div(numel(gradient.shape), std::int64_t{8}), DType::u8,
                Role::optimizer, gradient.place, true);
        graph_[bits].parameter.unit = unit.kind;
        put(op, std::array{unit.kept_gradient, bits}, std::array{unit.kept_gradient}, unit.layer);
    }

    void norm(const StateUnit& unit) {
        const GradNorm op{.place = graph_[unit.kept_gradient].place,
                          .accumulation = std::exchange(norm_, Accumulation::add)};
        put(op, std::array{unit.kept_gradient, sums_}, std::array{sums_}, unit.layer);
    }

    void reduce_sums() {
        const auto& layout = request_.layout;
        const auto sum = [&](Axis axis, std::int64_t size) {
            if (size == 1) return;
            const Collective op{.kind = CollectiveKind::all_reduce,
                                .axis = axis,
                                .size = size,
                                .role = Role::workspace};
            put(op, std::array{sums_}, std::array{sums_}, -1);
        };
        sum(Axis::shard, layout.zero > 0 ? layout.shard_group() : 1);
        sum(Axis::tensor, layout.tensor);
        sum(Axis::pipeline, layout.pipeline);
        sum(Axis::expert, layout.expert);
    }

    /// The kept part of the weights, as one tensor.
    TensorId weights(const StateUnit& unit) {
        if (unit.shards == 1 || fetches_weights(request_, unit)) return unit.kept_weights;
        Tensor view = graph_[unit.weights];
        view.shape[0] /= unit.shards;
        view.storage = unit.weights;
        return graph_.add(view);
    }

    void update(const StateUnit& unit) {
        wait_for_previous();
        const std::int64_t elements = graph_[unit.weights].shape[0] / unit.shards;
        const bool on_device = home_ == Place::device;
        const TensorId gradient = on_device ? unit.kept_gradient : on_host(unit);
        const TensorId kept = weights(unit);
        const bool staged = !on_device && graph_[kept].place == Place::device;
        const DType dtype = graph_[kept].dtype;
        TensorId target = kept;
        if (staged) {
            target = add("unit.weights.staged", unit.layer, elements, dtype, Role::communication,
                         Place::host, false);
        }
        const bool master = dtype == DType::f32 ? staged : has_master(request_);
        const auto states = bring_states(unit, elements, master);
        std::vector<TensorId> in{states.empty() ? target : states.front(), gradient, sums_};
        std::vector<TensorId> out{target};
        in.insert(in.end(), states.begin(), states.end());
        out.insert(out.end(), states.begin(), states.end());
        const Update op{.optimizer = request_.train.optimizer,
                        .decayed = std::min(unit.decayed, elements),
                        .place = on_device ? Place::device : Place::host,
                        .loss_scaling = request_.train.compute == DType::f16};
        put(op, in, out, unit.layer);
        return_states(unit);
        if (staged) {
            const Transfer back{
                .to = Place::device, .from = Place::host, .role = Role::communication};
            put(back, std::array{target}, std::array{kept}, unit.layer);
            started_.insert(started_.end(), {kept, target});
        }
        if (unit.shards > 1 && !fetches_weights(request_, unit)) gather(unit, kept);
    }

    /// The gradient in host memory; a device tensor that other micro-steps add to stays on it.
    TensorId on_host(const StateUnit& unit) {
        if (graph_[unit.kept_gradient].place == Place::host) return unit.kept_gradient;
        const std::int64_t elements = graph_[unit.weights].shape[0] / unit.shards;
        const TensorId host =
            add("unit.gradient.host", unit.layer, elements, graph_[unit.kept_gradient].dtype,
                Role::gradient, Place::host, true);
        const Transfer op{.to = Place::host, .from = Place::device, .role = Role::gradient};
        put(op, std::array{unit.kept_gradient}, std::array{host}, unit.layer);
        put(Wait{}, std::array{host}, {}, unit.layer);
        return host;
    }

    struct Kept {
        TensorId home;
        TensorId near;
    };

    /// Master and optimizer states where the pass runs; those kept elsewhere are copied there.
    std::vector<TensorId> bring_states(const StateUnit& unit, std::int64_t elements, bool master) {
        std::vector<TensorId> near;
        moved_.clear();
        if (master) near.push_back(state(unit, "master", elements, DType::f32, Role::master));
        const auto specs = optimizer_states(request_.train.optimizer, elements,
                                            ceil_div(unit.factored, unit.shards));
        for (const auto& spec : specs) {
            near.push_back(state(unit, spec.part, spec.elements, spec.dtype, Role::optimizer));
        }
        if (!moved_.empty()) {
            std::vector<TensorId> arrived;
            for (const auto& entry : moved_) arrived.push_back(entry.near);
            put(Wait{}, arrived, {}, unit.layer);
        }
        return near;
    }

    TensorId state(const StateUnit& unit, std::string_view part, std::int64_t count, DType dtype,
                   Role role) {
        const Place home = pages_ ? Place::host : home_;
        const Place near = home_ == Place::device ? Place::device : Place::host;
        const TensorId kept = add(part, unit.layer, count, dtype, role, home, true);
        if (home == near) return kept;
        const TensorId copy = add(part, unit.layer, count, dtype, role, near, false);
        put(Transfer{.to = near, .from = home, .role = role}, std::array{kept}, std::array{copy},
            unit.layer);
        moved_.push_back({kept, copy});
        return copy;
    }

    void return_states(const StateUnit& unit) {
        for (const auto& [home, near] : moved_) {
            const Transfer op{
                .to = graph_[home].place, .from = graph_[near].place, .role = graph_[home].role};
            put(op, std::array{near}, std::array{home}, unit.layer);
            started_.insert(started_.end(), {home, near});
        }
    }

    void gather(const StateUnit& unit, TensorId part) {
        if (!started_.empty()) wait();
        const Collective op{.kind = CollectiveKind::all_gather,
                            .axis = unit.kind == UnitKind::expert ? Axis::expert_data : Axis::shard,
                            .size = unit.shards,
                            .async = true,
                            .role = Role::parameter};
        put(op, std::array{part}, std::array{unit.weights}, unit.layer);
        gathers_.push_back(unit.weights);
    }

    /// Copies of one unit travel while the next one is updated, no longer.
    void wait_for_previous() {
        if (!previous_.empty()) put(Wait{}, previous_, {}, -1);
        previous_ = std::move(started_);
        started_.clear();
    }

    void wait() {
        wait_for_previous();
        wait_for_previous();
        if (!gathers_.empty()) put(Wait{}, gathers_, {}, -1);
        gathers_.clear();
    }

    Lowering& lowering_;
    StepGraph& graph_;
    const PlanRequest& request_;
    Place home_;
    bool pages_;
    TensorId sums_{};
    Accumulation norm_ = Accumulation::overwrite;  ///< of the next norm
    std::vector<Kept> moved_{};
    std::vector<TensorId> started_{};
    std::vector<TensorId> previous_{};
    std::vector<TensorId> gathers_{};
};

}  // namespace

void emit_update(Lowering& lowering) { Updater(lowering).run(); }

}  // namespace headroom
