#include "planner/cli/claims_subjects.h"

#include <utility>

#include "planner/import/model_source.h"
#include "planner/lower/lower.h"
#include "planner/lower/parameter_count.h"

namespace headroom::claims {
namespace {

/// Sum of `amount` over the parameters of the whole model's lowered step that `counts` picks.
template <class Counts, class Amount>
double over_parameters(const PlanRequest& request, Counts counts, Amount amount) {
    const Lowering lowering = lower(request, stage_of(request, 0), false);
    double sum = 0.0;
    for (const auto& tensor : lowering.graph.tensors) {
        const bool picked = tensor.parameter.is_parameter && counts(tensor.parameter);
        if (picked) sum += static_cast<double>(amount(tensor));
    }
    return sum;
}

}  // namespace

ModelSpec shipped(const Library& library, const std::string& id) {
    if (library.model) return library.model(id, "/model");
    return load_model(id, library.profiles_root).spec.value();
}

ModelSpec gpt(const GptShape& shape) {
    ModelSpec model{.name = "gpt",
                    .family = "gpt2",
                    .layers = shape.layers,
                    .hidden = shape.hidden,
                    .vocab = shape.vocab,
                    .max_positions = shape.positions,
                    .tied_embeddings = true};
    model.attention = {.heads = shape.heads,
                       .kv_heads = shape.heads,
                       .head_dim = shape.hidden / shape.heads,
                       .qkv_bias = true,
                       .out_bias = true};
    model.ffn = {.width = 4 * shape.hidden, .bias = true, .activation = ActivationKind::gelu_tanh};
    model.norm = NormKind::layer;
    model.norm_bias = true;
    model.position = PositionKind::learned;
    model.position_rows = shape.positions;
    return model;
}

ModelSpec gshard() {
    ModelSpec model{.name = "gshard-600b",
                    .family = "gshard",
                    .layers = 36,
                    .hidden = 1024,
                    .vocab = 64000,
                    .tied_embeddings = true};
    model.attention = {.heads = 16, .kv_heads = 16, .head_dim = 128};
    model.ffn = {.width = 8192, .activation = ActivationKind::relu};
    model.norm = NormKind::layer;
    model.moe = MoeSpec{.experts = 2048, .top_k = 2, .expert_width = 8192};
    for (std::int64_t i = 0; i < model.layers; ++i) model.moe_layers.push_back(i % 2 == 1);
    return model;
}

PlanRequest request_on(const Library& library, ModelSpec model, const std::string& gpu,
                       std::int64_t gpus) {
    PlanRequest request{.model = std::move(model)};
    request.hardware.gpu = gpu;
    request.hardware.gpus = gpus;
    request.hardware.profile = library.hardware.gpu(gpu, "/hardware/gpu");
    request.layout.data = gpus;
    request.train.sequence = 1024;
    return request;
}

void use_fp16(PlanRequest& request) {
    request.train.compute = DType::f16;
    request.train.gradient = DType::f16;
}

StageProfile profile_of(const PlanRequest& request) {
    validate(request);
    const TimeModel model(request.hardware.profile, request.layout);
    return extended_profile(request, stage_of(request, 0), model);
}

Estimate estimate_of(const PlanRequest& request) {
    validate(request);
    return estimate(request);
}

double parameters(const ModelSpec& model) {
    return static_cast<double>(count_parameters(model).total());
}

double persistent(const StageProfile& profile, Role role) {
    return profile.persistent[static_cast<std::size_t>(role)].real();
}

double states(const StageProfile& profile) {
    return persistent(profile, Role::parameter) + persistent(profile, Role::gradient) +
           persistent(profile, Role::master) + persistent(profile, Role::optimizer);
}

double trainable(const PlanRequest& request) {
    return over_parameters(
        request, [](const ParameterInfo& info) { return info.trainable; },
        [](const Tensor& tensor) { return numel(tensor.shape); });
}

double base_weights(const PlanRequest& request) {
    return over_parameters(
        request, [](const ParameterInfo& info) { return !info.adapter; },
        [](const Tensor& tensor) { return bytes(tensor).count(); });
}

}  // namespace headroom::claims
