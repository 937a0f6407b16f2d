#include "planner/plan/stage_profile.h"

#include <fmt/format.h>

namespace headroom {
namespace {

RoleBytes persistent_bytes(const StepGraph& graph) {
    RoleBytes sum{};
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        const bool root = tensor.storage.index == static_cast<std::int32_t>(i);
        if (root && tensor.persistent && tensor.place == Place::device) {
            sum[static_cast<std::size_t>(tensor.role)] += storage_size(tensor);
        }
    }
    return sum;
}

Bytes persistent_at(const StepGraph& graph, Place place) {
    Bytes sum{};
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        const bool root = tensor.storage.index == static_cast<std::int32_t>(i);
        if (root && tensor.persistent && tensor.place == place) sum += storage_size(tensor);
    }
    return sum;
}

}  // namespace

std::string describe_op(const StepGraph& graph, std::size_t op) {
    const OpNode& node = graph.ops[op];
    const auto outputs = graph.outputs(node);
    const auto inputs = graph.inputs(node);
    const std::string_view kind = name(node.op);
    if (outputs.empty() && inputs.empty()) return std::string(kind);
    const TensorId shown = outputs.empty() ? inputs.front() : outputs.front();
    return fmt::format("{} {}", kind, to_string(graph[shown].label));
}

namespace {

StageProfile profile(const StepGraph& graph, const std::vector<Lifetime>& lives,
                     const TimeModel& model) {
    StageProfile profile;
    profile.device = peak(graph, lives, Place::device);
    const OpNode& node = graph.ops[profile.device.op];
    profile.peak_op = describe_op(graph, profile.device.op);
    profile.peak_phase = node.phase;
    profile.peak_layer = node.layer;
    profile.persistent = persistent_bytes(graph);
    profile.kept = kept_for_backward(graph, lives, Place::device);
    profile.host = peak(graph, lives, Place::host);
    profile.host_kept = total(kept_for_backward(graph, lives, Place::host));
    profile.nvme = persistent_at(graph, Place::nvme);
    profile.cost = simulate(graph, model);
    profile.ops = static_cast<std::int64_t>(graph.ops.size());
    return profile;
}

}  // namespace

LoweredStage lower_stage(const PlanRequest& request, const Stage& stage) {
    Lowering lowering = lower(request, stage, false);
    auto lives = lifetimes(lowering.graph);
    return {std::move(lowering), std::move(lives)};
}

StageProfile profile_graph(const LoweredStage& stage, const TimeModel& model) {
    return profile(stage.lowering.graph, stage.lives, model);
}

StageProfile profile_graph(const Lowering& lowering, const TimeModel& model) {
    return profile(lowering.graph, lifetimes(lowering.graph), model);
}

StageProfile profile_stage(const PlanRequest& request, const Stage& stage, const TimeModel& model) {
    return profile_graph(lower_stage(request, stage), model);
}

}  // namespace headroom
