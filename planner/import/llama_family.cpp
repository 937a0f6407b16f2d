#include <array>

#include "planner/import/family.h"
#include "planner/spec/model_limits.h"

namespace headroom {
namespace {

void read_attention_bias(ModelSpec& spec, const ConfigKeys& keys, bool fallback) {
    const bool bias = keys.boolean_or("attention_bias", fallback);
    spec.attention.qkv_bias = bias;
    spec.attention.out_bias = bias;
}

ModelSpec llama(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = gated_decoder(keys, defaults);
    read_attention_bias(spec, keys, defaults.bias);
    spec.ffn.bias = keys.boolean_or("mlp_bias", false);
    return spec;
}

ModelSpec mistral(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = gated_decoder(keys, defaults);
    set_windows(spec, keys, window_of(keys, defaults.window), [](auto) { return true; });
    return spec;
}

/// Qwen slides only when told to, and only above the first `max_window_layers` layers.
void read_qwen_windows(ModelSpec& spec, const ConfigKeys& keys, const FamilyDefaults& defaults) {
    if (!keys.boolean_or("use_sliding_window", false)) return;
    const auto full = keys.integer_or("max_window_layers", 28, 0, limits::kLayers);
    set_windows(spec, keys, window_of(keys, defaults.window),
                [&](std::int64_t layer) { return layer >= full; });
}

ModelSpec qwen2(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = gated_decoder(keys, defaults);
    // No key tells of it: query, key and value always have a bias, the output never.
    spec.attention.qkv_bias = true;
    read_qwen_windows(spec, keys, defaults);
    return spec;
}

ModelSpec qwen3(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = gated_decoder(keys, defaults);
    read_attention_bias(spec, keys, defaults.bias);
    spec.attention.qk_norm = QkNorm::per_head;
    read_qwen_windows(spec, keys, defaults);
    return spec;
}

ModelSpec phi3(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = mistral(keys, defaults);
    spec.attention.fused_qkv = true;
    spec.ffn.fused_gate_up = true;
    // What phi3 files call yarn has the lists of longrope.
    if (spec.rope_scaling.kind == RopeScalingKind::yarn) {
        spec.rope_scaling = {.kind = RopeScalingKind::other};
    }
    return spec;
}

ModelSpec olmo2(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = gated_decoder(keys, defaults);
    read_attention_bias(spec, keys, defaults.bias);
    spec.placement = NormPlacement::output;
    spec.attention.qk_norm = QkNorm::full;
    return spec;
}

ModelSpec granite(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = llama(keys, defaults);
    spec.embedding_scale = keys.number_or("embedding_multiplier", 1.0, 0.0, limits::kScale);
    spec.attention.scale = keys.number_or("attention_multiplier", 1.0, 1e-6, limits::kScale);
    spec.residual_scale = keys.number_or("residual_multiplier", 1.0, 0.0, limits::kScale);
    spec.logit_scale = 1.0 / keys.number_or("logits_scaling", 1.0, 1e-3, limits::kScale);
    return spec;
}

constexpr FamilyDefaults kLlama{
    .vocab = 32000, .hidden = 4096, .width = 11008, .layers = 32, .heads = 32, .positions = 2048};
constexpr FamilyDefaults kMistral{.vocab = 32000,
                                  .hidden = 4096,
                                  .width = 14336,
                                  .layers = 32,
                                  .heads = 32,
                                  .kv_heads = 8,
                                  .positions = 131072,
                                  .window = 4096};
constexpr FamilyDefaults kQwen2{.vocab = 151936,
                                .hidden = 4096,
                                .width = 22016,
                                .layers = 32,
                                .heads = 32,
                                .positions = 32768,
                                .window = 4096};
constexpr FamilyDefaults kQwen3{.vocab = 151936,
                                .hidden = 4096,
                                .width = 22016,
                                .layers = 32,
                                .heads = 32,
                                .head_dim = 128,
                                .positions = 32768,
                                .window = 4096};
constexpr FamilyDefaults kPhi3{.vocab = 32064,
                               .hidden = 3072,
                               .width = 8192,
                               .layers = 32,
                               .heads = 32,
                               .positions = 4096,
                               .eps = 1e-5};
constexpr FamilyDefaults kOlmo2{.vocab = 50304,
                                .hidden = 4096,
                                .width = 11008,
                                .layers = 32,
                                .heads = 32,
                                .positions = 2048,
                                .eps = 1e-5};

constexpr std::array kLlamaRows{
    FamilyRow{"llama", kLlama, llama},     FamilyRow{"mistral", kMistral, mistral},
    FamilyRow{"qwen2", kQwen2, qwen2},     FamilyRow{"qwen3", kQwen3, qwen3},
    FamilyRow{"phi3", kPhi3, phi3},        FamilyRow{"olmo2", kOlmo2, olmo2},
    FamilyRow{"granite", kLlama, granite},
};

}  // namespace

std::span<const FamilyRow> llama_families() { return kLlamaRows; }

}  // namespace headroom
