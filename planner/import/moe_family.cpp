#include <array>

#include "planner/import/family.h"
#include "planner/spec/model_limits.h"

namespace headroom {
namespace {

/// Every layer sparse, and every expert as wide as the model's own feed-forward: there is no key
/// for another width.
ModelSpec all_sparse(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = gated_decoder(keys, defaults);
    auto derived = defaults;
    derived.expert_width = spec.ffn.width;
    spec.moe = expert_fields(keys, derived);
    spec.moe_layers.assign(static_cast<std::size_t>(spec.layers), true);
    return spec;
}

ModelSpec mixtral(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = all_sparse(keys, defaults);
    set_windows(spec, keys, window_of(keys, defaults.window), [](auto) { return true; });
    return spec;
}

/// Sparse every `decoder_sparse_step` layers, except those listed in `mlp_only_layers`.
std::vector<bool> qwen_moe_layers(const ConfigKeys& keys, std::int64_t layers) {
    const auto step = keys.integer_or("decoder_sparse_step", 1, 1, limits::kLayers);
    std::vector<bool> flags;
    for (std::int64_t i = 0; i < layers; ++i) flags.push_back((i + 1) % step == 0);
    if (const auto dense = keys.find("mlp_only_layers")) {
        for (const auto& entry : dense->elements()) {
            flags[static_cast<std::size_t>(entry.integer(0, layers - 1))] = false;
        }
    }
    return flags;
}

ModelSpec qwen_moe(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = gated_decoder(keys, defaults);
    spec.moe = expert_fields(keys, defaults);
    spec.moe->normalize = keys.boolean_or("norm_topk_prob", false);
    spec.moe_layers = qwen_moe_layers(keys, spec.layers);
    if (keys.boolean_or("use_sliding_window", false)) {
        const auto full = keys.integer_or("max_window_layers", 28, 0, limits::kLayers);
        set_windows(spec, keys, window_of(keys, defaults.window),
                    [&](std::int64_t layer) { return layer >= full; });
    }
    return spec;
}

ModelSpec qwen2_moe(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = qwen_moe(keys, defaults);
    spec.attention.qkv_bias = keys.boolean_or("qkv_bias", true);
    spec.moe->shared_width =
        keys.integer_or("shared_expert_intermediate_size", 5632, 1, limits::kWidth);
    spec.moe->shared_gate = true;
    return spec;
}

ModelSpec qwen3_moe(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = qwen_moe(keys, defaults);
    spec.attention.qk_norm = QkNorm::per_head;
    spec.attention.qkv_bias = keys.boolean_or("attention_bias", defaults.bias);
    spec.attention.out_bias = spec.attention.qkv_bias;
    return spec;
}

ModelSpec gpt_oss(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = all_sparse(keys, defaults);
    spec.attention.qkv_bias = keys.boolean_or("attention_bias", defaults.bias);
    spec.attention.out_bias = spec.attention.qkv_bias;
    spec.attention.sinks = true;
    spec.moe->router_bias = true;
    spec.moe->expert_bias = true;
    set_windows(spec, keys, window_of(keys, defaults.window),
                [](std::int64_t layer) { return layer % 2 == 0; });
    return spec;
}

constexpr FamilyDefaults kMixtral{.vocab = 32000,
                                  .hidden = 4096,
                                  .width = 14336,
                                  .layers = 32,
                                  .heads = 32,
                                  .kv_heads = 8,
                                  .positions = 131072,
                                  .experts = 8,
                                  .top_k = 2,
                                  .eps = 1e-5,
                                  .theta = 1e6,
                                  .aux_loss = 0.001};
constexpr FamilyDefaults kQwen2Moe{.vocab = 151936,
                                   .hidden = 2048,
                                   .width = 5632,
                                   .layers = 24,
                                   .heads = 16,
                                   .kv_heads = 16,
                                   .positions = 32768,
                                   .window = 4096,
                                   .experts = 60,
                                   .top_k = 4,
                                   .expert_width = 1408,
                                   .aux_loss = 0.001};
constexpr FamilyDefaults kQwen3Moe{.vocab = 151936,
                                   .hidden = 2048,
                                   .width = 6144,
                                   .layers = 24,
                                   .heads = 32,
                                   .kv_heads = 4,
                                   .positions = 32768,
                                   .window = 4096,
                                   .experts = 128,
                                   .top_k = 8,
                                   .expert_width = 768,
                                   .aux_loss = 0.001};
constexpr double kGptOssAttention = 1.3465735902799727;  ///< 0.1 ln 32 + 1
constexpr FamilyDefaults kGptOss{.vocab = 201088,
                                 .hidden = 2880,
                                 .width = 2880,
                                 .layers = 36,
                                 .heads = 64,
                                 .kv_heads = 8,
                                 .head_dim = 64,
                                 .positions = 131072,
                                 .window = 128,
                                 .experts = 128,
                                 .top_k = 4,
                                 .eps = 1e-5,
                                 .theta = 150000.0,
                                 .aux_loss = 0.9,
                                 .bias = true,
                                 .rope = {.kind = RopeScalingKind::yarn,
                                          .factor = 32.0,
                                          .low = 1.0,
                                          .high = 32.0,
                                          .attention = kGptOssAttention,
                                          .original = 4096,
                                          .truncate = false}};

constexpr std::array kMoeRows{
    FamilyRow{"mixtral", kMixtral, mixtral},
    FamilyRow{"qwen2_moe", kQwen2Moe, qwen2_moe},
    FamilyRow{"qwen3_moe", kQwen3Moe, qwen3_moe},
    FamilyRow{"gpt_oss", kGptOss, gpt_oss},
};

}  // namespace

std::span<const FamilyRow> moe_families() { return kMoeRows; }

}  // namespace headroom
