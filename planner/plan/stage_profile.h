#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "planner/cost/timeline.h"
#include "planner/lower/lower.h"
#include "planner/step/lifetime.h"

namespace headroom {

/// What one pipeline stage's graph says about memory and time, with one micro-batch in flight.
struct StageProfile {
    Peak device{};          ///< largest live total
    std::string peak_op{};  ///< the op it happens in
    Phase peak_phase = Phase::forward;
    std::int32_t peak_layer = -1;
    RoleBytes persistent{};  ///< of `device`, what lives through the whole step
    RoleBytes kept{};        ///< what the forward pass leaves for backward: one more micro-batch
    Peak host{};
    Bytes host_kept{};
    Bytes nvme{};
    StepCost cost{};
    std::int64_t ops = 0;
};

/// "attention_grad d(layers.3.attn.q_proj)": an op by its kind and its first tensor.
std::string describe_op(const StepGraph& graph, std::size_t op);

/// A stage's graph with the lifetimes of its storages: what every figure of it is read from.
struct LoweredStage {
    Lowering lowering;
    std::vector<Lifetime> lives;
};
LoweredStage lower_stage(const PlanRequest& request, const Stage& stage);

/// Measures a lowered graph.
StageProfile profile_graph(const LoweredStage& stage, const TimeModel& model);
StageProfile profile_graph(const Lowering& lowering, const TimeModel& model);

/// Lowers the whole stage and measures it.
StageProfile profile_stage(const PlanRequest& request, const Stage& stage, const TimeModel& model);

/// The same figures from two short graphs: layers of one kind are alike, so every position of the
/// step holds bytes that grow by the same amount with each layer, and so does the work. Equal to
/// `profile_stage`, which it calls when a stage has no long run of like layers.
StageProfile extended_profile(const PlanRequest& request, const Stage& stage,
                              const TimeModel& model);

/// The cost of `extended_profile` alone, once for each model.
std::vector<StepCost> extended_costs(const PlanRequest& request, const Stage& stage,
                                     std::span<const TimeModel> models);

}  // namespace headroom
