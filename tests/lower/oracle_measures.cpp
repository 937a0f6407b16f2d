#include "planner/lower/parameter_count.h"
#include "tests/lower/oracle.h"

namespace headroom::test {
namespace {

Bytes kept(const PlanRequest& request) {
    const Lowering lowering = lower(request, stage_of(request, 0), false);
    const auto lives = lifetimes(lowering.graph);
    return total(kept_for_backward(lowering.graph, lives, Place::device));
}

/// How often an op runs in a step.
std::int64_t runs(const StepGraph& graph, const OpNode& node) {
    const bool repeats = node.phase != Phase::update && node.when == When::every;
    return repeats ? graph.micro_steps : 1;
}

}  // namespace

Letters letters(const PlanRequest& request) {
    const auto& train = request.train;
    const auto& attention = request.model.attention;
    return {.sb = train.sequence * train.micro_batch / request.layout.context,
            .s = train.sequence,
            .h = request.model.hidden,
            .a = attention.heads,
            .hq = attention.heads * attention.head_dim,
            .hk = attention.kv_heads * attention.head_dim,
            .f = request.model.ffn.width,
            .t = request.layout.tensor};
}

PlanRequest cut(const std::string& id, std::int64_t layers, std::int64_t sequence) {
    PlanRequest request = request_for(preset(id), sequence);
    request.model.layers = layers;
    return request;
}

std::int64_t parameters(const PlanRequest& request) {
    return count_parameters(request.model).total();
}

Bytes kept_by_next_layer(const PlanRequest& request) {
    PlanRequest more = request;
    ++more.model.layers;
    return kept(more) - kept(request);
}

double flops(const PlanRequest& request, Flop kind) {
    const Lowering lowering = lower(request, stage_of(request, 0), false);
    double sum = 0.0;
    for (const auto& node : lowering.graph.ops) {
        const Work done = work(lowering.graph, node);
        sum += (kind == Flop::model ? done.model : done.matrix).count();
    }
    return sum;
}

Bytes held(const PlanRequest& request, Role role, Place place) {
    const Lowering lowering = lower(request, stage_of(request, 0), false);
    const auto& tensors = lowering.graph.tensors;
    Bytes sum{};
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const bool root = tensors[i].storage.index == static_cast<std::int32_t>(i);
        const bool counts = root && tensors[i].persistent && tensors[i].place == place;
        if (counts && tensors[i].role == role) sum += storage_size(tensors[i]);
    }
    return sum;
}

Bytes sent(const PlanRequest& request, CollectiveKind kind, Axis axis, std::int64_t stage) {
    const Lowering lowering = lower(request, stage_of(request, stage), false);
    const StepGraph& graph = lowering.graph;
    Bytes sum{};
    for (const auto& node : graph.ops) {
        const auto* op = std::get_if<Collective>(&node.op);
        if (op == nullptr || op->kind != kind || op->axis != axis) continue;
        const Bytes in = bytes(graph[graph.inputs(node)[0]]);
        const Bytes out = node.out_count > 0 ? bytes(graph[graph.outputs(node)[0]]) : Bytes{};
        sum += volume(*op, in, out) * runs(graph, node);
    }
    return sum;
}

std::int64_t trainable(const PlanRequest& request) {
    const Lowering lowering = lower(request, stage_of(request, 0), false);
    std::int64_t sum = 0;
    for (const auto& tensor : lowering.graph.tensors) {
        const auto& parameter = tensor.parameter;
        if (parameter.is_parameter && parameter.trainable) sum += numel(tensor.shape);
    }
    return sum;
}

Bytes most_workspace(const PlanRequest& request) {
    const Lowering lowering = lower(request, stage_of(request, 0), false);
    const auto lives = lifetimes(lowering.graph);
    Bytes most{};
    for (const auto& live : memory_timeline(lowering.graph, lives, Place::device).at) {
        most = std::max(most, live[static_cast<std::size_t>(Role::workspace)]);
    }
    return most;
}

}  // namespace headroom::test
