#pragma once

#include <string>

#include "planner/import/model_source.h"
#include "planner/spec/plan_request.h"

namespace headroom::test {

/// A shipped model by id.
inline ModelSpec preset(const std::string& id) { return *load_model(id, HEADROOM_PROFILES).spec; }

/// A small Llama-shaped model whose widths divide by 8 and more.
inline ModelSpec small_llama(std::int64_t layers = 4) {
    ModelSpec model{
        .name = "small", .family = "llama", .layers = layers, .hidden = 256, .vocab = 1024};
    model.attention = {.heads = 8, .kv_heads = 4, .head_dim = 32};
    model.ffn = {.width = 768, .gated = true};
    return model;
}

inline PlanRequest request_for(ModelSpec model, std::int64_t sequence = 128) {
    PlanRequest request{.model = std::move(model)};
    request.train.sequence = sequence;
    request.hardware.gpu = "h100-sxm5-80gb";
    return request;
}

}  // namespace headroom::test
