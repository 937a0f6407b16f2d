#pragma once

#include <cstdint>
#include <string>

#include "planner/plan/estimate.h"
#include "planner/plan/stage_profile.h"
#include "planner/spec/plan_request.h"

namespace headroom::claims {

/// A shipped model.
ModelSpec shipped(const Library& library, const std::string& id);

/// Widths of a decoder with GPT-2's parts: biases, layer norms, learned positions, a tied table.
struct GptShape {
    std::int64_t layers = 0;
    std::int64_t hidden = 0;
    std::int64_t heads = 0;
    std::int64_t vocab = 50257;
    std::int64_t positions = 1024;
};
ModelSpec gpt(const GptShape& shape);

/// GShard's largest: 36 layers of width 1024, experts in every other one.
ModelSpec gshard();

/// A request for that model on `gpus` GPUs, all of them data parallel.
PlanRequest request_on(const Library& library, ModelSpec model, const std::string& gpu,
                       std::int64_t gpus = 1);

/// fp16 weights and gradients, as on GPUs without bf16.
void use_fp16(PlanRequest& request);

/// Profile of the only pipeline stage; throws InputError for an impossible request.
StageProfile profile_of(const PlanRequest& request);
/// Memory and time; throws InputError for an impossible request.
Estimate estimate_of(const PlanRequest& request);

double parameters(const ModelSpec& model);
/// Bytes of one role that live through the whole step.
double persistent(const StageProfile& profile, Role role);
/// Weights, gradients, master and optimizer states that live through the whole step.
double states(const StageProfile& profile);
/// Parameters of the lowered step that are trained.
double trainable(const PlanRequest& request);
/// Bytes of the lowered step's base weights, scales of quantized ones included.
double base_weights(const PlanRequest& request);

}  // namespace headroom::claims
