#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "planner/base/json.h"
#include "planner/spec/model_spec.h"
#include "planner/spec/plan_request.h"
#include "planner/step/step_graph.h"
#include "runtime/data/weight_names.h"

namespace headroom {

/// Sources of a graph's adapter parameters in a file as PEFT saves it (adapter_model.safetensors):
/// "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight".
std::vector<WeightSource> adapter_sources(const StepGraph& graph, const ModelSpec& model);

/// What PEFT reads beside the adapter (adapter_config.json). `base` is the base model's id or path.
Json adapter_config(const AdapterSpec& adapter, const ModelSpec& model, const std::string& base);

/// The adapter that an adapter_config.json describes: kind, rank, alpha, dropout, targets. Throws
/// InputError for settings that have no counterpart here.
AdapterSpec adapter_from_config(const JsonCursor& config, const ModelSpec& model);

/// W (out, in) becomes W + scale * B * A, with A (rank, in) and B (out, rank).
void merge_lora(std::span<float> weight, std::span<const float> a, std::span<const float> b,
                std::int64_t rank, double scale);
/// W becomes the same, every row brought to the length that `magnitude` (out) says.
void merge_dora(std::span<float> weight, std::span<const float> a, std::span<const float> b,
                std::span<const float> magnitude, std::int64_t rank, double scale);

}  // namespace headroom
