#include <array>
#include <cmath>

#include "planner/base/json.h"
#include "planner/import/family.h"
#include "planner/import/rope_scaling.h"
#include "planner/spec/model_limits.h"

namespace headroom {
namespace {

ModelSpec gemma(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = gated_decoder(keys, defaults);
    // Early files say "gelu" in hidden_act; the model has always computed the tanh form.
    spec.ffn.activation = ActivationKind::gelu_tanh;
    spec.attention.qkv_bias = keys.boolean_or("attention_bias", false);
    spec.attention.out_bias = spec.attention.qkv_bias;
    spec.embedding_scale = std::sqrt(static_cast<double>(spec.hidden));
    spec.gain_offset = 1.0;
    return spec;
}

double score_scale(const ConfigKeys& keys) {
    return 1.0 / std::sqrt(keys.number_or("query_pre_attn_scalar", 256.0, 1e-3, limits::kScale));
}

double softcap(const ConfigKeys& keys, std::string_view key, double fallback) {
    return keys.is_null(key) ? 0.0 : keys.number_or(key, fallback, 0.0, limits::kScale);
}

ModelSpec gemma2(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = gemma(keys, defaults);
    spec.placement = NormPlacement::sandwich;
    spec.attention.softcap = softcap(keys, "attn_logit_softcapping", 50.0);
    spec.attention.scale = score_scale(keys);
    spec.logit_softcap = softcap(keys, "final_logit_softcapping", 30.0);
    set_windows(spec, keys, window_of(keys, defaults.window),
                [](std::int64_t layer) { return layer % 2 == 0; });
    return spec;
}

/// Windowed layers turn by a theta of their own and are never stretched.
void read_rope_of_windows(ModelSpec& spec, const ConfigKeys& keys) {
    spec.rope_local_theta = keys.number_or("rope_local_base_freq", 10000.0, 1.0, limits::kTheta);
    const auto rule = keys.find("rope_scaling_of_windows");
    if (rule && rope_type_of(*rule) != "default") spec.rope_scaling.kind = RopeScalingKind::other;
}

ModelSpec gemma3_text(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = gemma(keys, defaults);
    spec.placement = NormPlacement::sandwich;
    spec.attention.qk_norm = QkNorm::per_head;
    spec.attention.softcap = softcap(keys, "attn_logit_softcapping", 0.0);
    spec.attention.scale = score_scale(keys);
    spec.logit_softcap = softcap(keys, "final_logit_softcapping", 0.0);
    read_rope_of_windows(spec, keys);
    const auto period = keys.integer_or("sliding_window_pattern", 6, 1, limits::kLayers);
    set_windows(spec, keys, window_of(keys, defaults.window),
                [&](std::int64_t layer) { return (layer + 1) % period != 0; });
    return spec;
}

/// SigLIP: patch embedding, learned positions, pre-norm layers with biases everywhere, final norm.
std::int64_t siglip_parameters(const JsonCursor& vision) {
    const auto hidden = vision.integer_or("hidden_size", 768, 1, 1 << 16);
    const auto width = vision.integer_or("intermediate_size", 3072, 1, 1 << 18);
    const auto layers = vision.integer_or("num_hidden_layers", 12, 1, 1024);
    const auto image = vision.integer_or("image_size", 224, 1, 1 << 16);
    const auto patch = vision.integer_or("patch_size", 16, 1, image);
    const auto channels = vision.integer_or("num_channels", 3, 1, 1024);
    const auto side = image / patch;
    const auto embeddings = hidden * channels * patch * patch + hidden + side * side * hidden;
    const auto attention = 4 * (hidden * hidden + hidden);
    const auto ffn = 2 * hidden * width + width + hidden;
    const auto norms = 4 * hidden;
    return embeddings + layers * (attention + ffn + norms) + 2 * hidden;
}

/// The text part carries the step; the tower and its projector are only counted.
ModelSpec gemma3(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = gemma3_text(keys, defaults);
    const auto vision = keys.root().find("vision_config");
    if (!vision) return spec;
    const auto width = vision->integer_or("hidden_size", 768, 1, 1 << 16);
    spec.extra.push_back({.name = "vision_tower", .count = siglip_parameters(*vision)});
    spec.extra.push_back({.name = "projector", .count = width * spec.hidden + width});
    return spec;
}

constexpr FamilyDefaults kGemma{.vocab = 256000,
                                .hidden = 3072,
                                .width = 24576,
                                .layers = 28,
                                .heads = 16,
                                .kv_heads = 16,
                                .head_dim = 256,
                                .positions = 8192,
                                .tied = true,
                                .activation = ActivationKind::gelu_tanh};
constexpr FamilyDefaults kGemma2{.vocab = 256000,
                                 .hidden = 2304,
                                 .width = 9216,
                                 .layers = 26,
                                 .heads = 8,
                                 .kv_heads = 4,
                                 .head_dim = 256,
                                 .positions = 8192,
                                 .window = 4096,
                                 .tied = true,
                                 .activation = ActivationKind::gelu_tanh};
constexpr FamilyDefaults kGemma3{.vocab = 262208,
                                 .hidden = 2304,
                                 .width = 9216,
                                 .layers = 26,
                                 .heads = 8,
                                 .kv_heads = 4,
                                 .head_dim = 256,
                                 .positions = 131072,
                                 .window = 4096,
                                 .theta = 1e6,
                                 .tied = true,
                                 .activation = ActivationKind::gelu_tanh};

constexpr std::array kGemmaRows{
    FamilyRow{"gemma", kGemma, gemma},
    FamilyRow{"gemma2", kGemma2, gemma2},
    FamilyRow{"gemma3", kGemma3, gemma3},
    FamilyRow{"gemma3_text", kGemma3, gemma3_text},
};

}  // namespace

std::span<const FamilyRow> gemma_families() { return kGemmaRows; }

}  // namespace headroom
