#include <fmt/format.h>

#include <array>

#include "planner/import/family.h"
#include "planner/spec/model_limits.h"

namespace headroom {
namespace {

/// Layer norms and biases everywhere: what these families have in common.
ModelSpec layer_norm_decoder(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = shared_fields(keys, defaults);
    spec.norm = NormKind::layer;
    spec.norm_bias = true;
    spec.attention.qkv_bias = true;
    spec.attention.out_bias = true;
    spec.attention.fused_qkv = true;
    spec.ffn.bias = true;
    return spec;
}

void set_learned_positions(ModelSpec& spec, std::int64_t offset) {
    spec.position = PositionKind::learned;
    spec.position_rows = spec.max_positions + offset;
}

ModelSpec gpt2(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = layer_norm_decoder(keys, defaults);
    if (keys.boolean_or("add_cross_attention", false)) {
        keys.fail("add_cross_attention", "is true, only decoders without it are modelled");
    }
    if (!keys.boolean_or("scale_attn_weights", true)) spec.attention.scale = 1.0;
    set_learned_positions(spec, 0);
    return spec;
}

ModelSpec gpt_neox(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = layer_norm_decoder(keys, defaults);
    spec.attention.qkv_bias = keys.boolean_or("attention_bias", true);
    spec.attention.out_bias = spec.attention.qkv_bias;
    spec.attention.rotary_fraction = keys.number_or("rotary_fraction", 0.25, 0.0, 1.0);
    spec.parallel_residual = keys.boolean_or("use_parallel_residual", true);
    return spec;
}

ModelSpec opt(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = layer_norm_decoder(keys, defaults);
    if (!keys.boolean_or("layer_norm_elementwise_affine", true)) {
        keys.fail("layer_norm_elementwise_affine", "is false, norms without weights are unknown");
    }
    const bool bias = keys.boolean_or("enable_bias", true);
    spec.attention.qkv_bias = bias;
    spec.attention.out_bias = bias;
    spec.attention.fused_qkv = false;
    spec.ffn.bias = bias;
    // The first two rows of the table belong to padding.
    set_learned_positions(spec, 2);
    const bool before = keys.boolean_or("do_layer_norm_before", true);
    spec.placement = before ? NormPlacement::pre : NormPlacement::post;
    spec.final_norm = before && !keys.boolean_or("_remove_final_layer_norm", false);
    const auto width = keys.integer_or("word_embed_proj_dim", spec.hidden, 1, limits::kHidden);
    spec.embedding_width = width == spec.hidden ? 0 : width;
    return spec;
}

ModelSpec bloom(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = layer_norm_decoder(keys, defaults);
    spec.position = PositionKind::alibi;
    spec.embedding_norm = true;
    return spec;
}

/// Old architecture: one key/value head or as many as heads; new: as many as the config says.
std::int64_t falcon_kv_heads(const ConfigKeys& keys, const ModelSpec& spec, bool new_architecture) {
    const bool one = keys.boolean_or("multi_query", true) && !new_architecture;
    return one ? 1 : spec.attention.kv_heads;
}

ModelSpec falcon(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = layer_norm_decoder(keys, defaults);
    const bool new_architecture = keys.boolean_or("new_decoder_architecture", false);
    spec.attention.kv_heads = falcon_kv_heads(keys, spec, new_architecture);
    const bool bias = keys.boolean_or("bias", false);
    spec.attention.qkv_bias = bias;
    spec.attention.out_bias = bias;
    spec.ffn.bias = bias;
    if (keys.boolean_or("alibi", false)) spec.position = PositionKind::alibi;
    spec.parallel_residual = new_architecture || keys.boolean_or("parallel_attn", true);
    const auto norms = keys.integer_or("num_ln_in_parallel_attn", new_architecture ? 2 : 1, 1, 2);
    spec.shared_input_norm = spec.parallel_residual && norms == 1;
    return spec;
}

constexpr FamilyDefaults kGpt2{.vocab = 50257,
                               .hidden = 768,
                               .width = kDerived,
                               .layers = 12,
                               .heads = 12,
                               .positions = 1024,
                               .eps = 1e-5,
                               .dropout = 0.1,
                               .tied = true,
                               .activation = ActivationKind::gelu_tanh};
constexpr FamilyDefaults kGptNeox{.vocab = 50432,
                                  .hidden = 6144,
                                  .width = 24576,
                                  .layers = 44,
                                  .heads = 64,
                                  .positions = 2048,
                                  .eps = 1e-5,
                                  .activation = ActivationKind::gelu};
constexpr FamilyDefaults kOpt{.vocab = 50272,
                              .hidden = 768,
                              .width = 3072,
                              .layers = 12,
                              .heads = 12,
                              .positions = 2048,
                              .eps = 1e-5,
                              .dropout = 0.1,
                              .tied = true,
                              .activation = ActivationKind::relu};
// The class defaults of bloom are a toy (64 wide, 2 layers): sizes must be given.
constexpr FamilyDefaults kBloom{.vocab = 250880,
                                .width = kDerived,
                                .positions = 2048,
                                .eps = 1e-5,
                                .tied = true,
                                .activation = ActivationKind::gelu_tanh};
constexpr FamilyDefaults kFalcon{.vocab = 65024,
                                 .hidden = 4544,
                                 .width = kDerived,
                                 .layers = 32,
                                 .heads = 71,
                                 .positions = 2048,
                                 .eps = 1e-5,
                                 .tied = true,
                                 .activation = ActivationKind::gelu};

constexpr std::array kGptRows{
    FamilyRow{"gpt2", kGpt2, gpt2},       FamilyRow{"gpt_neox", kGptNeox, gpt_neox},
    FamilyRow{"opt", kOpt, opt},          FamilyRow{"bloom", kBloom, bloom},
    FamilyRow{"falcon", kFalcon, falcon},
};

}  // namespace

std::span<const FamilyRow> gpt_families() { return kGptRows; }

}  // namespace headroom
