#include "planner/spec/adapter_targets.h"

#include <algorithm>

namespace headroom {
namespace {

using Names = std::vector<std::string>;

void append(Names& names, const Names& more) {
    names.insert(names.end(), more.begin(), more.end());
}

Names attention_targets(const ModelSpec& model) {
    const auto& attention = model.attention;
    Names names;
    if (attention.latent) {
        append(names,
               attention.latent->q_rank > 0 ? Names{"q_a_proj", "q_b_proj"} : Names{"q_proj"});
        append(names, {"kv_a_proj", "kv_b_proj"});
    } else {
        if (attention.fused_qkv) names.emplace_back("qkv_proj");
        // Cross attention reads two streams, so its projections are never one matrix.
        if (!attention.fused_qkv || model.stack == Stack::encoder_decoder) {
            append(names, {"q_proj", "k_proj", "v_proj"});
        }
    }
    names.emplace_back("o_proj");
    return names;
}

bool some_layer_is_dense(const ModelSpec& model) {
    for (std::int64_t layer = 0; layer < model.layers; ++layer) {
        if (!model.is_moe_layer(layer)) return true;
    }
    const auto& encoder = model.encoder_moe_layers;
    return model.stack == Stack::encoder_decoder && !std::ranges::all_of(encoder, std::identity{});
}

Names ffn_targets(const ModelSpec& model) {
    if (!some_layer_is_dense(model) && model.moe->shared_width == 0) return {};
    if (!model.ffn.gated) return {"up_proj", "down_proj"};
    if (model.ffn.fused_gate_up) return {"gate_up_proj", "down_proj"};
    return {"gate_proj", "up_proj", "down_proj"};
}

}  // namespace

std::vector<std::string> adapter_targets(const ModelSpec& model) {
    Names names = attention_targets(model);
    append(names, ffn_targets(model));
    return names;
}

}  // namespace headroom
