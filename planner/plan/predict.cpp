#include <algorithm>
#include <array>
#include <cmath>

#include "planner/cost/pipeline.h"
#include "planner/cost/price.h"
#include "planner/plan/phases.h"
#include "planner/plan/plan.h"
#include "planner/plan/uncertainty.h"
#include "planner/step/dump.h"
#include "planner/step/memory_plan.h"

namespace headroom {
namespace {

/// The whole graphs of the distinct stages. All are kept until the worst is known: together they
/// are no larger than one rank's graph would be without a pipeline.
std::vector<LoweredStage> whole_stages(const PlanRequest& request, const DistinctStages& distinct) {
    std::vector<LoweredStage> lowered;
    for (const auto& stage : distinct.stages) lowered.push_back(lower_stage(request, stage));
    return lowered;
}

std::vector<StageProfile> profiles_of(const PlanRequest& request,
                                      std::span<const LoweredStage> lowered) {
    const TimeModel model(request.hardware.profile, request.layout);
    std::vector<StageProfile> profiles;
    for (const auto& stage : lowered) profiles.push_back(profile_graph(stage, model));
    return profiles;
}

/// A layer of the stage that was profiled, as the layer of a like stage that lies in its place.
std::int32_t layer_in(const Stage& stage, const Stage& profiled, std::int32_t layer) {
    for (std::size_t i = 0; i < profiled.chunks.size(); ++i) {
        const LayerRange& from = profiled.chunks[i];
        if (layer < from.first || layer >= from.last) continue;
        return layer + static_cast<std::int32_t>(stage.chunks[i].first - from.first);
    }
    return layer;
}

RankMemory rank_memory(const PlanRequest& request, const StageNeed& need, const Stage& profiled,
                       const StageProfile& profile) {
    const Stage stage = stage_of(request, need.stage);
    const OutsideMemory outside = outside_memory(request);
    RankMemory rank{.stage = need.stage,
                    .layers = stage.layers(),
                    .in_flight = need.in_flight,
                    .device = {.by_role = need.device, .reserved = outside.context},
                    .host = need.host,
                    .nvme = need.nvme,
                    .peak_op = profile.peak_op,
                    .peak_phase = profile.peak_phase,
                    .peak_layer = std::max(layer_in(stage, profiled, profile.peak_layer), -1)};
    if (request.model.stack == Stack::encoder_decoder) rank.layers = request.model.layers;
    rank.device.by_role[static_cast<std::size_t>(Role::communication)] += outside.communicators;
    return rank;
}

/// Experts' slots beyond one a routed row stay empty: they are executed, but not the mathematics.
void leave_no_slot_empty(PlanRequest& request) {
    if (!request.model.moe) return;
    const double own = request.train.capacity_factor;
    const double factor = own > 0.0 ? own : request.model.moe->capacity_factor;
    if (factor > 1.0) request.train.capacity_factor = request.model.moe->capacity_factor = 0.0;
}

/// Model FLOPs of one step of the whole machine: the mathematics does not depend on the layout.
Flops model_flops(const PlanRequest& request) {
    PlanRequest plain = request;
    plain.layout = {};
    plain.recompute = {};
    plain.offload = {};
    plain.train.accumulation = 1;
    plain.train.attention = AttentionImpl::flash;
    leave_no_slot_empty(plain);
    const std::array models{TimeModel(plain.hardware.profile, plain.layout)};
    return extended_costs(plain, stage_of(plain, 0), models).front().total_work().model *
           static_cast<double>(request.train.accumulation * request.layout.data);
}

/// Matrix work of one step of the whole machine. A stage stands for its fullest rank; what that has
/// beyond the mean, others lack, so it is counted where every rank has the mean.
Flops executed_flops(const PlanRequest& request, const DistinctStages& distinct,
                     std::span<const StageProfile> profiles) {
    PlanRequest even = request;
    even.train.moe_imbalance = 1.0;
    const bool uneven = request.model.moe && request.train.moe_imbalance != 1.0;
    const std::array models{TimeModel(even.hardware.profile, even.layout)};
    std::vector<Flops> matrix;
    for (std::size_t i = 0; i < profiles.size(); ++i) {
        const StepCost cost =
            uneven ? extended_costs(even, distinct.stages[i], models).front() : profiles[i].cost;
        matrix.push_back(cost.total_work().matrix);
    }
    Flops sum{};
    for (const auto index : distinct.of) sum += matrix[index];
    return sum * static_cast<double>(request.layout.world() / request.layout.pipeline);
}

/// What stays on the device of a teacher's weights.
Bytes kept_of_teacher(const StepGraph& graph) {
    Bytes sum{};
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        const bool root = tensor.storage.index == static_cast<std::int32_t>(i);
        const bool stays = tensor.persistent && tensor.place == Place::device;
        if (root && stays && is_teacher(tensor.label.layer)) sum += storage_size(tensor);
    }
    return sum;
}

/// Device arena of the worst rank: gaps between tensors, the digest and op count of its step.
void describe_worst(const LoweredStage& stage, Prediction& predicted) {
    const StepGraph& graph = stage.lowering.graph;
    const MemoryPlan arena = memory_plan(graph, stage.lives, Place::device);
    predicted.stages[predicted.worst].device.reserved += arena.arena - arena.lower_bound;
    predicted.teacher = kept_of_teacher(graph);
    predicted.digest = digest(graph);
    predicted.ops = static_cast<std::int64_t>(graph.ops.size());
}

void fill_cost(const PlanRequest& request, const DistinctStages& distinct,
               std::span<const StageProfile> profiles, const Estimate& whole,
               Prediction& predicted) {
    const StepCost& slow = profiles[distinct.of[whole.slowest]].cost;
    CostBreakdown& cost = predicted.cost;
    cost.step = whole.step;
    cost.bubble = whole.bubble;
    cost.compute = slow.classes.compute;
    cost.exposed_communication = slow.classes.exposed_communication;
    cost.transfer = slow.classes.exposed_transfer;
    cost.optimizer = slow.classes.optimizer;
    cost.model_flops = model_flops(request);
    cost.hardware_flops = executed_flops(request, distinct, profiles);
    const auto& train = request.train;
    const std::int64_t tokens =
        train.micro_batch * train.sequence * train.accumulation * request.layout.data;
    const StepAmounts step{.time = cost.step,
                           .tokens = tokens,
                           .model = cost.model_flops,
                           .executed = cost.hardware_flops,
                           .gpus = request.layout.world(),
                           .compute = train.compute};
    const Rates rate = rates(step, request.hardware.profile);
    cost.tokens_per_second = rate.tokens_per_second;
    cost.mfu = rate.mfu;
    cost.hfu = rate.hfu;
    // Without a run length the money figures are those of one step.
    const RunCost run = run_cost(step, train.tokens > 0 ? train.tokens : tokens,
                                 request.hardware.profile, request.hardware.usd_per_gpu_hour);
    cost.steps = train.tokens > 0 ? run.steps : 0;
    cost.gpu_hours = run.gpu_hours;
    cost.usd = run.usd;
    cost.energy_kwh = run.energy_kwh;
    cost.price = default_price(request.hardware.profile);
    if (request.hardware.usd_per_gpu_hour) {
        cost.price = {.per_gpu_hour = *request.hardware.usd_per_gpu_hour, .provider = "request"};
    }
    cost.notes = {run.price_source, run.energy_source};
}

void fill_traffic(const StepCost& cost, Prediction& predicted) {
    for (std::size_t kind = 0; kind < cost.traffic.size(); ++kind) {
        for (std::size_t axis = 0; axis < cost.traffic[kind].size(); ++axis) {
            const Traffic& traffic = cost.traffic[kind][axis];
            if (traffic.count == 0) continue;
            predicted.traffic.push_back({std::string(kCollectiveNames[kind]),
                                         std::string(kAxisNames[axis]), traffic.sent, traffic.count,
                                         traffic.time});
        }
    }
}

Verdict judge(const Prediction& predicted) {
    if (predicted.band.expected > predicted.capacity) {
        return Shortfall{.missing = predicted.band.expected - predicted.capacity,
                         .where = "device"};
    }
    if (predicted.host_node > predicted.host_capacity) {
        return Shortfall{.missing = predicted.host_node - predicted.host_capacity, .where = "host"};
    }
    if (predicted.nvme_node > predicted.nvme_capacity) {
        return Shortfall{.missing = predicted.nvme_node - predicted.nvme_capacity, .where = "nvme"};
    }
    return Fits{.headroom = predicted.capacity - predicted.band.expected,
                .tight = predicted.band.high > predicted.capacity};
}

}  // namespace

Plan predict(const PlanRequest& request) {
    validate(request);
    const DistinctStages distinct = distinct_stages(request);
    const auto lowered = whole_stages(request, distinct);
    const auto profiles = profiles_of(request, lowered);
    const Estimate whole = combine(request, distinct, profiles);
    Plan plan{.request = request};
    Prediction& predicted = plan.predicted;
    predicted.worst = whole.worst;
    for (const auto& need : whole.stages) {
        const std::size_t index = distinct.of[static_cast<std::size_t>(need.stage)];
        predicted.stages.push_back(
            rank_memory(request, need, distinct.stages[index], profiles[index]));
    }
    describe_worst(lowered[distinct.of[whole.worst]], predicted);
    predicted.band = memory_band(request, whole, predicted.worst_rank());
    predicted.capacity = request.hardware.profile.memory_capacity;
    predicted.host_node = whole.host_node;
    predicted.host_capacity = request.hardware.profile.node.host_ram;
    predicted.nvme_node = whole.nvme_node;
    predicted.nvme_capacity = request.hardware.profile.node.nvme_capacity;
    fill_cost(request, distinct, profiles, whole, predicted);
    const StepBand time = step_band(request, distinct);
    predicted.cost.step_low = time.low;
    predicted.cost.step_high = time.high;
    fill_traffic(profiles[distinct.of[whole.slowest]].cost, predicted);
    fill_phases(request, predicted);
    plan.verdict = judge(predicted);
    if (auto* shortfall = std::get_if<Shortfall>(&plan.verdict)) {
        shortfall->remedies = remedies(request);
    }
    return plan;
}

}  // namespace headroom
