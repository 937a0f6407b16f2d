#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "planner/spec/model_limits.h"
#include "planner/spec/model_spec.h"

namespace headroom {

/// Inclusive bounds of a number in a document.
template <class Number>
struct Range {
    Number low{};
    Number high{};
};

/// Words of an enum, in the documents' spelling.
template <class Enum, std::size_t N>
using Words = std::array<std::pair<Enum, std::string_view>, N>;

inline constexpr Words<Stack, 3> kStacks{{{Stack::decoder, "decoder"},
                                          {Stack::encoder, "encoder"},
                                          {Stack::encoder_decoder, "encoder_decoder"}}};
inline constexpr Words<NormKind, 2> kNormKinds{
    {{NormKind::rms, "rms"}, {NormKind::layer, "layer"}}};
inline constexpr Words<NormPlacement, 4> kNormPlacements{{{NormPlacement::pre, "pre"},
                                                          {NormPlacement::post, "post"},
                                                          {NormPlacement::output, "output"},
                                                          {NormPlacement::sandwich, "sandwich"}}};
inline constexpr Words<ActivationKind, 5> kActivationKinds{
    {{ActivationKind::relu, "relu"},
     {ActivationKind::gelu, "gelu"},
     {ActivationKind::gelu_tanh, "gelu_tanh"},
     {ActivationKind::silu, "silu"},
     {ActivationKind::tanh, "tanh"}}};
inline constexpr Words<PositionKind, 5> kPositionKinds{
    {{PositionKind::none, "none"},
     {PositionKind::rope, "rope"},
     {PositionKind::learned, "learned"},
     {PositionKind::alibi, "alibi"},
     {PositionKind::relative_bias, "relative_bias"}}};
inline constexpr Words<RopeScalingKind, 5> kRopeScalings{{{RopeScalingKind::none, "none"},
                                                          {RopeScalingKind::linear, "linear"},
                                                          {RopeScalingKind::llama3, "llama3"},
                                                          {RopeScalingKind::yarn, "yarn"},
                                                          {RopeScalingKind::other, "other"}}};
inline constexpr Words<QkNorm, 3> kQkNorms{
    {{QkNorm::none, "none"}, {QkNorm::per_head, "per_head"}, {QkNorm::full, "full"}}};
inline constexpr Words<ScoreKind, 2> kScoreKinds{
    {{ScoreKind::softmax, "softmax"}, {ScoreKind::sigmoid, "sigmoid"}}};

constexpr const auto& words(Stack) { return kStacks; }
constexpr const auto& words(NormKind) { return kNormKinds; }
constexpr const auto& words(NormPlacement) { return kNormPlacements; }
constexpr const auto& words(ActivationKind) { return kActivationKinds; }
constexpr const auto& words(PositionKind) { return kPositionKinds; }
constexpr const auto& words(RopeScalingKind) { return kRopeScalings; }
constexpr const auto& words(QkNorm) { return kQkNorms; }
constexpr const auto& words(ScoreKind) { return kScoreKinds; }

// One list of fields a struct: writing, reading and range checking are visitors of it, so a field
// cannot be written and not read. A visitor takes (key, member) or (key, member, range).

template <class Visitor>
void visit_fields(Visitor&& field, const LatentAttention*) {
    field("q_rank", &LatentAttention::q_rank, Range<std::int64_t>{0, limits::kWidth});
    field("kv_rank", &LatentAttention::kv_rank, Range<std::int64_t>{1, limits::kWidth});
    field("nope_dim", &LatentAttention::nope_dim, Range<std::int64_t>{1, limits::kHeadDim});
    field("rope_dim", &LatentAttention::rope_dim, Range<std::int64_t>{1, limits::kHeadDim});
    field("v_dim", &LatentAttention::v_dim, Range<std::int64_t>{1, limits::kHeadDim});
}

template <class Visitor>
void visit_fields(Visitor&& field, const RopeScaling*) {
    field("kind", &RopeScaling::kind);
    field("factor", &RopeScaling::factor, Range<double>{1.0, limits::kTheta});
    field("low", &RopeScaling::low, Range<double>{0.0, limits::kTheta});
    field("high", &RopeScaling::high, Range<double>{0.0, limits::kTheta});
    field("attention", &RopeScaling::attention, Range<double>{0.0, limits::kScale});
    field("original", &RopeScaling::original, Range<std::int64_t>{0, limits::kPositions});
    field("truncate", &RopeScaling::truncate);
}

template <class Visitor>
void visit_fields(Visitor&& field, const AttentionSpec*) {
    field("heads", &AttentionSpec::heads, Range<std::int64_t>{1, limits::kHeads});
    field("kv_heads", &AttentionSpec::kv_heads, Range<std::int64_t>{1, limits::kHeads});
    field("head_dim", &AttentionSpec::head_dim, Range<std::int64_t>{1, limits::kHeadDim});
    field("qkv_bias", &AttentionSpec::qkv_bias);
    field("out_bias", &AttentionSpec::out_bias);
    field("fused_qkv", &AttentionSpec::fused_qkv);
    field("qk_norm", &AttentionSpec::qk_norm);
    field("sinks", &AttentionSpec::sinks);
    field("softcap", &AttentionSpec::softcap, Range<double>{0.0, limits::kScale});
    field("scale", &AttentionSpec::scale, Range<double>{0.0, limits::kScale});
    field("rotary_fraction", &AttentionSpec::rotary_fraction, Range<double>{0.0, 1.0});
    field("window", &AttentionSpec::window, Range<std::int64_t>{0, limits::kPositions});
    field("latent", &AttentionSpec::latent);
}

template <class Visitor>
void visit_fields(Visitor&& field, const FfnSpec*) {
    field("width", &FfnSpec::width, Range<std::int64_t>{1, limits::kWidth});
    field("gated", &FfnSpec::gated);
    field("bias", &FfnSpec::bias);
    field("fused_gate_up", &FfnSpec::fused_gate_up);
    field("activation", &FfnSpec::activation);
}

template <class Visitor>
void visit_fields(Visitor&& field, const MoeSpec*) {
    field("experts", &MoeSpec::experts, Range<std::int64_t>{1, limits::kExperts});
    field("top_k", &MoeSpec::top_k, Range<std::int64_t>{1, limits::kExperts});
    field("expert_width", &MoeSpec::expert_width, Range<std::int64_t>{1, limits::kWidth});
    field("shared_width", &MoeSpec::shared_width, Range<std::int64_t>{0, limits::kWidth});
    field("shared_gate", &MoeSpec::shared_gate);
    field("router_bias", &MoeSpec::router_bias);
    field("expert_bias", &MoeSpec::expert_bias);
    field("correction_bias_buffer", &MoeSpec::correction_bias_buffer);
    field("score", &MoeSpec::score);
    field("normalize", &MoeSpec::normalize);
    field("scale", &MoeSpec::scale, Range<double>{0.0, limits::kScale});
    field("aux_loss", &MoeSpec::aux_loss, Range<double>{0.0, limits::kScale});
    field("capacity_factor", &MoeSpec::capacity_factor, Range<double>{0.0, limits::kScale});
}

template <class Visitor>
void visit_fields(Visitor&& field, const ExtraParameters*) {
    field("name", &ExtraParameters::name);
    field("count", &ExtraParameters::count, Range<std::int64_t>{1, limits::kParameters});
}

template <class Visitor>
void visit_fields(Visitor&& field, const ModelSpec*) {
    field("name", &ModelSpec::name);
    field("family", &ModelSpec::family);
    field("stack", &ModelSpec::stack);
    field("layers", &ModelSpec::layers, Range<std::int64_t>{1, limits::kLayers});
    field("encoder_layers", &ModelSpec::encoder_layers, Range<std::int64_t>{0, limits::kLayers});
    field("hidden", &ModelSpec::hidden, Range<std::int64_t>{1, limits::kHidden});
    field("vocab", &ModelSpec::vocab, Range<std::int64_t>{1, limits::kVocab});
    field("max_positions", &ModelSpec::max_positions, Range<std::int64_t>{0, limits::kPositions});
    field("mtp_layers", &ModelSpec::mtp_layers, Range<std::int64_t>{0, limits::kLayers});
    field("tied_embeddings", &ModelSpec::tied_embeddings);
    field("lm_head", &ModelSpec::lm_head);
    field("attention", &ModelSpec::attention);
    field("windowed", &ModelSpec::windowed);
    field("ffn", &ModelSpec::ffn);
    field("moe", &ModelSpec::moe);
    field("moe_layers", &ModelSpec::moe_layers);
    field("encoder_moe_layers", &ModelSpec::encoder_moe_layers);
    field("norm", &ModelSpec::norm);
    field("norm_eps", &ModelSpec::norm_eps, Range<double>{0.0, 1.0});
    field("norm_bias", &ModelSpec::norm_bias);
    field("gain_offset", &ModelSpec::gain_offset, Range<double>{0.0, 1.0});
    field("placement", &ModelSpec::placement);
    field("parallel_residual", &ModelSpec::parallel_residual);
    field("shared_input_norm", &ModelSpec::shared_input_norm);
    field("final_norm", &ModelSpec::final_norm);
    field("embedding_norm", &ModelSpec::embedding_norm);
    field("position", &ModelSpec::position);
    field("rope_theta", &ModelSpec::rope_theta, Range<double>{1.0, limits::kTheta});
    field("rope_local_theta", &ModelSpec::rope_local_theta, Range<double>{0.0, limits::kTheta});
    field("rope_scaling", &ModelSpec::rope_scaling);
    field("rope_interleaved", &ModelSpec::rope_interleaved);
    field("position_rows", &ModelSpec::position_rows, Range<std::int64_t>{0, limits::kPositions});
    field("relative_buckets", &ModelSpec::relative_buckets, Range<std::int64_t>{0, limits::kHeads});
    field("token_types", &ModelSpec::token_types, Range<std::int64_t>{0, limits::kHeads});
    field("embedding_width", &ModelSpec::embedding_width, Range<std::int64_t>{0, limits::kHidden});
    field("embedding_scale", &ModelSpec::embedding_scale, Range<double>{0.0, limits::kScale});
    field("residual_scale", &ModelSpec::residual_scale, Range<double>{0.0, limits::kScale});
    field("logit_scale", &ModelSpec::logit_scale, Range<double>{0.0, limits::kScale});
    field("logit_softcap", &ModelSpec::logit_softcap, Range<double>{0.0, limits::kScale});
    field("pooler", &ModelSpec::pooler);
    field("dropout", &ModelSpec::dropout, Range<double>{0.0, 1.0});
    field("extra", &ModelSpec::extra);
}

}  // namespace headroom
