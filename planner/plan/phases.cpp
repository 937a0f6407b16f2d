#include "planner/plan/phases.h"

#include <algorithm>
#include <functional>

#include "planner/plan/layer_runs.h"
#include "planner/step/op/optimizer.h"
#include "planner/technique/pruning.h"
#include "planner/technique/states.h"

namespace headroom {
namespace {

/// Sizes of a whole checkpoint and of what one rank stages at a time.
struct CheckpointSizes {
    std::int64_t parameters = 0;
    std::int64_t trainable = 0;
    std::int64_t pruned = 0;  ///< of the trainable ones
    Bytes weights{};          ///< of all parameters, as the step holds them
    Bytes teacher{};  ///< of a teacher's in the dtype of the step, which are read, not saved
    Bytes states{};   ///< master and optimizer states of the trainable ones
    Bytes read{};     ///< what a rank stages at a time of the weights it reads, at most
    Bytes written{};  ///< and of what it saves
};

/// A matrix of a checkpoint that adapters are put on: 16 bits, quantized when it is there.
constexpr std::int64_t kCheckpointBytes = 2;

/// A rank's part of a unit: tensor ranks split it, expert ranks its experts, ZeRO the rest.
Bytes part_of(Bytes whole, const PlanRequest& request, UnitKind kind, bool sharded) {
    const auto& layout = request.layout;
    std::int64_t ranks = layout.tensor;
    if (kind == UnitKind::expert) ranks *= layout.expert;
    if (sharded) ranks *= shard_ranks(request, kind);
    return Bytes{ceil_div(whole.count(), ranks)};
}

/// The units of a stage, from the passes that lead to them. `split` is the request whose layout
/// says what a rank has of each.
CheckpointSizes lowered_sizes(const PlanRequest& request, const Stage& stage,
                              const PlanRequest& split) {
    Lowering lowering{.request = request, .stage = stage};
    for (const auto& pass : passes()) {
        if (pass.applies(request)) pass.run(lowering);
        if (pass.name == "states") break;
    }
    CheckpointSizes sizes;
    for (const auto& unit : lowering.units) {
        const Tensor& flat = lowering.graph[unit.weights];
        const bool fetched = split.layout.zero >= 3;
        std::int64_t matrices = 0;
        bool masked = false;
        for (const auto id : unit.parameters) {
            const bool counts =
                flat.dtype != DType::u8 && !lowering.graph[id].label.part.starts_with("quant.");
            if (counts) matrices += numel(lowering.graph[id].shape);
            if (counts && unit.trainable) sizes.trainable += numel(lowering.graph[id].shape);
            if (!request.prune.is_on() || !is_pruned(lowering.graph[id])) continue;
            sizes.pruned += pruned_elements(lowering.graph[id].shape, request.prune);
            masked = true;
        }
        if (is_teacher(unit.layer)) {
            const Bytes stored{bytes_of(matrices, request.train.compute)};
            sizes.teacher += stored;
            sizes.read = std::max(sizes.read, part_of(stored, split, unit.kind, fetched));
            continue;
        }
        sizes.weights += bytes(flat);
        sizes.parameters += matrices;
        const bool adapts = request.adapter.kind != AdapterKind::none;
        const Bytes stored = adapts ? Bytes{kCheckpointBytes * matrices} : bytes(flat);
        if (!adapts || !unit.trainable) {
            const Bytes part = part_of(stored, split, unit.kind, fetched);
            sizes.read = std::max(sizes.read, part);
        }
        if (unit.trainable) {
            Bytes states{};
            if (flat.dtype != DType::f32 && has_master(split)) states += Bytes{4 * unit.elements};
            for (const auto& state :
                 optimizer_states(request.train.optimizer, unit.elements, unit.factored)) {
                states += Bytes{bytes_of(state.elements, state.dtype)};
            }
            if (masked) states += Bytes{ceil_div(unit.elements, std::int64_t{8})};
            sizes.states += states;
            const Bytes part = part_of(bytes(flat), split, unit.kind, fetched) +
                               part_of(states, split, unit.kind, split.layout.zero >= 1);
            sizes.written = std::max(sizes.written, part);
        }
    }
    return sizes;
}

/// The unsplit model's units. Those of like layers are alike: two short stacks, one unit of layers
/// apart, tell how the sums grow.
CheckpointSizes checkpoint_sizes(const PlanRequest& request) {
    PlanRequest plain = request;
    plain.layout = {};
    plain.offload = {};
    plain.recompute = {};
    plain.train.micro_batch = 1;
    const Stage whole = stage_of(plain, 0);
    const auto small = shortened(plain, whole, 1);
    const auto large = small ? shortened(plain, whole, 2) : std::nullopt;
    if (!large || large->first != small->first || large->unit != small->unit) {
        return lowered_sizes(plain, whole, request);
    }
    const CheckpointSizes a = lowered_sizes(small->request, small->stage, request);
    const CheckpointSizes b = lowered_sizes(large->request, large->stage, request);
    const auto extend = [&](auto from, auto to) { return from + (to - from) * small->removed; };
    return {extend(a.parameters, b.parameters),
            extend(a.trainable, b.trainable),
            extend(a.pruned, b.pruned),
            extend(a.weights, b.weights),
            b.teacher,
            extend(a.states, b.states),
            b.read,
            b.written};
}

}  // namespace

void fill_phases(const PlanRequest& request, Prediction& predicted) {
    const CheckpointSizes sizes = checkpoint_sizes(request);
    predicted.parameters = sizes.parameters;
    predicted.trainable = sizes.trainable;
    predicted.pruned = sizes.pruned;
    const RankMemory& worst = predicted.worst_rank();
    const std::int64_t ranks = ranks_of_node(request);
    const Bytes context = context_of_program(request.hardware.profile);
    const bool adapter = request.adapter.kind != AdapterKind::none;
    const Bytes checkpoint =
        sizes.teacher +
        (adapter ? Bytes{kCheckpointBytes * (sizes.parameters - sizes.trainable)} : sizes.weights);
    predicted.phases.push_back(
        {"load", worst.device[Role::parameter] + context, sizes.read * ranks, Bytes{}, checkpoint,
         "each rank reads the weights of its own shard, one layer at a time"});
    predicted.phases.push_back({"step", worst.device.total(), predicted.host_node,
                                predicted.nvme_node, Bytes{}, "the peak of the training step"});
    const Bytes written =
        adapter ? sizes.states + Bytes{2 * sizes.trainable} : sizes.weights + sizes.states;
    Bytes resident = context + worst.device[Role::parameter] + worst.device[Role::master] +
                     worst.device[Role::optimizer];
    predicted.phases.push_back(
        {"save", resident, predicted.host_node + sizes.written * ranks, predicted.nvme_node,
         written, "every rank writes its own shard, one layer staged in host memory at a time"});
}

namespace {

struct Remedy {
    const char* text;
    std::function<bool(PlanRequest&)> apply;  ///< false: it is set already or cannot apply
};

bool set_mode(PlanRequest& r, RecomputeMode mode) {
    if (r.recompute.mode == mode || r.recompute.mode == RecomputeMode::layer) return false;
    r.recompute.mode = mode;
    return true;
}

bool set_zero(PlanRequest& r, int stage) {
    const bool many = r.layout.replicas() > 1;
    const bool piped = r.layout.pipeline > 1 && stage > 1;
    if (!many || piped || r.layout.zero >= stage) return false;
    r.layout.zero = stage;
    return true;
}

bool set_adapter(PlanRequest& r, AdapterKind kind) {
    if (r.train.goal != Goal::adapt || r.adapter.kind == kind) return false;
    r.adapter.kind = kind;
    return true;
}

bool offload_optimizer(PlanRequest& r, Tier tier) {
    const bool usable = r.train.optimizer == OptimizerKind::adamw && r.offload.optimizer < tier &&
                        !is_host(r.hardware.profile) &&
                        (tier != Tier::nvme || has_drives(r.hardware.profile));
    if (usable) r.offload.optimizer = tier;
    return usable;
}

/// The same global batch, one sequence at a time.
bool single_sequences(PlanRequest& r) {
    if (r.train.micro_batch == 1) return false;
    r.train.accumulation *= r.train.micro_batch;
    r.train.micro_batch = 1;
    return true;
}

/// The article's order: cheap in time first.
const std::vector<Remedy>& remedy_order() {
    static const std::vector<Remedy> kOrder{
        {"micro_batch=1 with more accumulation", [](auto& r) { return single_sequences(r); }},
        {"recompute=selective", [](auto& r) { return set_mode(r, RecomputeMode::selective); }},
        {"zero=1", [](auto& r) { return set_zero(r, 1); }},
        {"zero=2", [](auto& r) { return set_zero(r, 2); }},
        {"recompute=layer", [](auto& r) { return set_mode(r, RecomputeMode::layer); }},
        {"zero=3", [](auto& r) { return set_zero(r, 3); }},
        {"adapter=lora", [](auto& r) { return set_adapter(r, AdapterKind::lora); }},
        {"adapter=qlora", [](auto& r) { return set_adapter(r, AdapterKind::qlora); }},
        {"offload_optimizer=cpu", [](auto& r) { return offload_optimizer(r, Tier::cpu); }},
        {"offload_optimizer=nvme", [](auto& r) { return offload_optimizer(r, Tier::nvme); }},
    };
    return kOrder;
}

}  // namespace

std::vector<std::string> remedies(const PlanRequest& request) {
    std::vector<std::string> single;
    for (const auto& remedy : remedy_order()) {
        PlanRequest changed = request;
        if (remedy.apply(changed) && estimate(changed).fits) single.emplace_back(remedy.text);
    }
    if (!single.empty()) return single;
    std::vector<std::string> chain;
    PlanRequest changed = request;
    for (const auto& remedy : remedy_order()) {
        if (!remedy.apply(changed)) continue;
        chain.emplace_back(remedy.text);
        if (estimate(changed).fits) return chain;
    }
    return {};
}

}  // namespace headroom
