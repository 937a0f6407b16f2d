#include "planner/technique/states.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace headroom {
namespace {

using UnitKey = std::tuple<std::int32_t, UnitKind, bool, DType>;

/// Order inside a unit: decayed first; what tensor ranks hold alike meets in the middle.
int rank_in_unit(const Tensor& tensor) {
    const bool alike = tensor.parameter.split == Split::none;
    if (tensor.parameter.decay) return alike ? 1 : 0;
    return alike ? 2 : 3;
}

std::int64_t factored_size(const Tensor& tensor) {
    const Shape& shape = tensor.shape;
    if (shape.rank() < 2) return numel(shape);
    const std::int64_t matrices = shape.rank() == 3 ? shape[0] : 1;
    return matrices * (shape[shape.rank() - 2] + shape.back());
}

void measure(StateUnit& unit, const StepGraph& graph) {
    bool seen_alike = false;
    for (const auto id : unit.parameters) {
        const Tensor& tensor = graph[id];
        const int place = rank_in_unit(tensor);
        const bool alike = place == 1 || place == 2;
        if (alike && !seen_alike) unit.replicated_begin = unit.elements;
        seen_alike |= alike;
        unit.elements += round_up(numel(tensor.shape), kParameterAlignment);
        if (alike) unit.replicated_end = unit.elements;
        if (tensor.parameter.decay) unit.decayed = unit.elements;
        unit.factored += factored_size(tensor);
    }
}

TensorId add_flat(Lowering& lowering, const StateUnit& unit, std::string_view part, Role role,
                  DType dtype) {
    Tensor flat{};
    flat.shape = {round_up(unit.elements, unit.shards)};
    flat.dtype = dtype;
    flat.label = {part, unit.layer};
    flat.role = role;
    flat.persistent = true;
    return lowering.graph.add(flat);
}

void lay_out(Lowering& lowering, StateUnit& unit) {
    StepGraph& graph = lowering.graph;
    const DType dtype = graph[unit.parameters.front()].dtype;
    unit.weights = add_flat(lowering, unit, "unit.weights", Role::parameter, dtype);
    unit.kept_weights = unit.weights;
    if (unit.trainable) {
        unit.gradient = add_flat(lowering, unit, "unit.gradient", Role::gradient,
                                 lowering.request.train.gradient);
        unit.kept_gradient = unit.gradient;
    }
    std::int64_t first = 0;
    for (const auto id : unit.parameters) {
        const Bytes offset{bytes_of(first, dtype)};
        graph[id].storage = unit.weights;
        graph[id].offset = offset;
        first += round_up(numel(graph[id].shape), kParameterAlignment);
        if (!unit.trainable) continue;
        Tensor gradient{};
        gradient.shape = graph[id].shape;
        gradient.dtype = lowering.request.train.gradient;
        gradient.label = graph[id].label;
        gradient.label.gradient = true;
        gradient.role = Role::gradient;
        gradient.storage = unit.gradient;
        gradient.offset = Bytes{offset.count() * bits(gradient.dtype) / bits(dtype)};
        const TensorId gradient_id = graph.add(gradient);
        graph[id].parameter.gradient = gradient_id;
    }
}

/// What kernels are given to work in, the matrix library first, once for the whole step.
void add_workspace(Lowering& lowering) {
    const auto& vendor = lowering.request.hardware.profile.vendor;
    if (vendor != "NVIDIA" && vendor != "AMD" && vendor != kCpuVendor) return;
    Tensor workspace{};
    workspace.shape = {kGemmWorkspace.count()};
    workspace.dtype = DType::u8;
    workspace.label = {"gemm.workspace", -1};
    workspace.role = Role::workspace;
    workspace.persistent = true;
    lowering.graph.add(workspace);
}

/// What a step is told: its learning rate, loss scale, seed and the like, in one small block.
void add_scalars(StepGraph& graph) {
    Tensor scalars{};
    scalars.shape = {kScalars};
    scalars.dtype = DType::f32;
    scalars.label = {"input.scalars", -1};
    scalars.role = Role::workspace;
    scalars.persistent = true;
    graph.add(scalars);
}

}  // namespace

bool has_master(const PlanRequest& request) {
    return request.train.master || request.offload.optimizer != Tier::device;
}

std::int64_t replica_ranks(const PlanRequest& request, UnitKind kind) {
    const std::int64_t replicas = request.layout.replicas();
    return kind == UnitKind::expert ? replicas / request.layout.expert : replicas;
}

std::int64_t shard_ranks(const PlanRequest& request, UnitKind kind) {
    // Experts are spread over the same ranks already: their shards span what is left.
    if (kind == UnitKind::expert) return replica_ranks(request, kind);
    return request.layout.shard_group();
}

void make_states(Lowering& lowering) {
    StepGraph& graph = lowering.graph;
    std::map<UnitKey, std::size_t> index;
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        if (!tensor.parameter.is_parameter) continue;
        const UnitKey key{tensor.label.layer, tensor.parameter.unit, tensor.parameter.trainable,
                          tensor.dtype};
        const auto [at, fresh] = index.try_emplace(key, lowering.units.size());
        if (fresh) {
            lowering.units.push_back({.layer = tensor.label.layer,
                                      .kind = tensor.parameter.unit,
                                      .trainable = tensor.parameter.trainable});
        }
        lowering.units[at->second].parameters.push_back(TensorId{static_cast<std::int32_t>(i)});
    }
    for (auto& unit : lowering.units) {
        std::ranges::stable_sort(unit.parameters, {},
                                 [&](TensorId id) { return rank_in_unit(graph[id]); });
        measure(unit, graph);
        if (lowering.request.layout.zero > 0)
            unit.shards = shard_ranks(lowering.request, unit.kind);
        lay_out(lowering, unit);
    }
    add_workspace(lowering);
    add_scalars(graph);
}

}  // namespace headroom
