#include "planner/lower/parameter_count.h"

#include <map>

#include "planner/lower/forward_builder.h"
#include "planner/lower/lower.h"

namespace headroom {
namespace {

PlanRequest smallest_request(const ModelSpec& model) {
    PlanRequest request{.model = model};
    request.train.sequence = 1;
    return request;
}

}  // namespace

ParameterCount count_parameters(const ModelSpec& model) {
    const PlanRequest request = smallest_request(model);
    Lowering lowering{.request = request, .stage = stage_of(request, 0)};
    emit_forward(lowering);
    ParameterCount count;
    std::map<std::string_view, std::size_t> index;
    for (const auto& tensor : lowering.graph.tensors) {
        if (!tensor.parameter.is_parameter) continue;
        const std::int64_t elements = numel(tensor.shape);
        const auto [at, fresh] = index.try_emplace(tensor.label.part, count.parts.size());
        if (fresh)
            count.parts.push_back({std::string(tensor.label.part), 0, 0, to_string(tensor.shape)});
        count.parts[at->second].count += elements;
        ++count.parts[at->second].layers;
        count.language += elements;
        if (tensor.parameter.unit == UnitKind::expert) count.expert += elements;
        if (tensor.label.part == "embed_tokens.weight") count.embedding += elements;
        if (tensor.label.part == "lm_head.weight") count.head += elements;
    }
    for (const auto& extra : model.extra) count.extra += extra.count;
    count.active = count.language - count.expert;
    if (model.moe) count.active += count.expert / model.moe->experts * model.moe->top_k;
    return count;
}

std::int64_t prediction_parameters(const ModelSpec& model) {
    if (model.mtp_layers == 0) return 0;
    ModelSpec longer = model;
    ++longer.layers;
    for (auto* flags : {&longer.windowed, &longer.moe_layers}) {
        if (!flags->empty()) flags->push_back(flags->back());
    }
    const auto layer = count_parameters(longer).language - count_parameters(model).language;
    const auto width = model.hidden;
    return model.mtp_layers * (layer + 2 * width * width + 3 * width);
}

}  // namespace headroom
