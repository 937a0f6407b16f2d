#include <fmt/format.h>

#include <array>
#include <cmath>

#include "planner/base/json.h"
#include "planner/import/family.h"
#include "planner/import/rope_scaling.h"
#include "planner/spec/model_limits.h"

namespace headroom {
namespace {

LatentAttention latent_fields(const ConfigKeys& keys) {
    if (!keys.has("q_lora_rank")) {
        keys.fail("q_lora_rank", "is missing; null says that the query is projected directly");
    }
    return {.q_rank = keys.integer_or("q_lora_rank", 0, 1, limits::kWidth),
            .kv_rank = keys.at("kv_lora_rank").integer(1, limits::kWidth),
            .nope_dim = keys.at("qk_nope_head_dim").integer(1, limits::kHeadDim),
            .rope_dim = keys.at("qk_rope_head_dim").integer(1, limits::kHeadDim),
            .v_dim = keys.at("v_head_dim").integer(1, limits::kHeadDim)};
}

/// Dense layers first, then every `moe_layer_freq`-th is sparse.
std::vector<bool> sparse_layers(const ConfigKeys& keys, std::int64_t layers) {
    const auto dense = keys.at("first_k_dense_replace").integer(0, limits::kLayers);
    const auto period = keys.integer_or("moe_layer_freq", 1, 1, limits::kLayers);
    std::vector<bool> flags;
    for (std::int64_t i = 0; i < layers; ++i) flags.push_back(i >= dense && i % period == 0);
    return flags;
}

ScoreKind score_of(const ConfigKeys& keys, ScoreKind fallback) {
    const auto found = keys.find("scoring_func");
    if (!found) return fallback;
    if (found->string() == "softmax") return ScoreKind::softmax;
    if (found->string() == "sigmoid") return ScoreKind::sigmoid;
    found->fail(fmt::format("is {}, must be softmax or sigmoid", quoted(found->value())));
}

MoeSpec moe_fields(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto moe = expert_fields(keys, defaults);
    if (!keys.has("n_shared_experts")) keys.fail("n_shared_experts", "is missing");
    const auto shared = keys.integer_or("n_shared_experts", 0, 0, limits::kExperts);
    moe.shared_width = shared * moe.expert_width;
    if (moe.shared_width > limits::kWidth) {
        keys.fail("n_shared_experts", fmt::format("{} experts of {} are wider than the limit of {}",
                                                  shared, moe.expert_width, limits::kWidth));
    }
    moe.aux_loss = keys.number_or("aux_loss_alpha", defaults.aux_loss, 0.0, limits::kScale);
    return moe;
}

/// YaRN tempers the scores of a stretched context; 0: 1 / sqrt(head_dim) alone.
double score_scale(const ConfigKeys& keys, const ModelSpec& spec) {
    const auto rule = keys.find("rope_scaling");
    if (!rule || spec.rope_scaling.kind == RopeScalingKind::none) return 0.0;
    const double all = rule->number_or("mscale_all_dim", 0.0, 0.0, limits::kScale);
    if (all == 0.0) return 0.0;
    const double mscale = yarn_mscale(spec.rope_scaling.factor, all);
    return mscale * mscale / std::sqrt(static_cast<double>(spec.attention.head_dim));
}

/// How the scores of the chosen experts become weights; `normalized` and `scale` hold where the
/// file is silent.
void read_weighting(MoeSpec& moe, const ConfigKeys& keys, bool normalized, double scale) {
    moe.normalize = keys.boolean_or("norm_topk_prob", normalized);
    moe.scale = keys.number_or("routed_scaling_factor", scale, 0.0, limits::kScale);
}

/// The class defaults describe no real model, so every size must be in the file.
ModelSpec deepseek_v2(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    const auto latent = latent_fields(keys);
    auto sizes = defaults;
    sizes.head_dim = latent.nope_dim + latent.rope_dim;
    auto spec = gated_decoder(keys, sizes);
    // Every head has its own key and value once the latent is projected up.
    spec.attention.kv_heads = spec.attention.heads;
    spec.attention.head_dim = sizes.head_dim;
    spec.attention.latent = latent;
    spec.attention.qkv_bias = keys.boolean_or("attention_bias", false);
    spec.attention.out_bias = spec.attention.qkv_bias;
    spec.moe = moe_fields(keys, defaults);
    spec.attention.scale = score_scale(keys, spec);
    spec.rope_interleaved = true;
    spec.moe->score = score_of(keys, ScoreKind::softmax);
    read_weighting(*spec.moe, keys, false, 1.0);
    spec.moe_layers = sparse_layers(keys, spec.layers);
    return spec;
}

ModelSpec deepseek_v3(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = deepseek_v2(keys, defaults);
    spec.rope_interleaved = keys.boolean_or("rope_interleave", true);
    spec.moe->score = score_of(keys, ScoreKind::sigmoid);
    read_weighting(*spec.moe, keys, true, 2.5);
    spec.moe->correction_bias_buffer = true;
    spec.mtp_layers = keys.integer_or("num_nextn_predict_layers", 0, 0, limits::kLayers);
    return spec;
}

constexpr FamilyDefaults kV2{.positions = 2048, .aux_loss = 0.001};
constexpr FamilyDefaults kV3{.positions = 4096};

constexpr std::array kDeepseekRows{
    FamilyRow{"deepseek_v2", kV2, deepseek_v2},
    FamilyRow{"deepseek_v3", kV3, deepseek_v3},
};

}  // namespace

std::span<const FamilyRow> deepseek_families() { return kDeepseekRows; }

}  // namespace headroom
