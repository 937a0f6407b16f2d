#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planner/base/json_fwd.h"

namespace headroom {

enum class Stack { decoder, encoder, encoder_decoder };
enum class NormKind { rms, layer };
/// Where a block normalises: before its two parts (llama), after each residual add (bert), on each
/// part's output before the add (olmo2), or both before and on the output (gemma2).
enum class NormPlacement { pre, post, output, sandwich };
enum class ActivationKind { relu, gelu, gelu_tanh, silu, tanh };
enum class PositionKind { none, rope, learned, alibi, relative_bias };
enum class QkNorm { none, per_head, full };
enum class ScoreKind { softmax, sigmoid };

/// `other`: the config names a rule that is none of these (longrope, dynamic); a plan is the same
/// for all of them, a run is not.
enum class RopeScalingKind { none, linear, llama3, yarn, other };
/// How RoPE's frequencies are stretched for contexts longer than `original` positions.
/// none: theta^(-2i/d); linear: divided by `factor`; llama3: low frequencies divided by `factor`,
/// blended between `original / high` and `original / low` wavelengths; yarn: blended over a ramp
/// between `low` (beta_slow) and `high` (beta_fast) turns, cos and sin times `attention`.
struct RopeScaling {
    RopeScalingKind kind = RopeScalingKind::none;
    double factor = 1.0;
    double low = 1.0;
    double high = 4.0;
    double attention = 1.0;
    std::int64_t original = 0;
    bool truncate = true;  ///< yarn: the ramp begins and ends at whole dims (gpt_oss: does not)
    bool operator==(const RopeScaling&) const = default;
};

/// Multi-head latent attention (DeepSeek): ranks and per-head widths.
struct LatentAttention {
    std::int64_t q_rank = 0;  ///< 0: the query is projected directly
    std::int64_t kv_rank = 0;
    std::int64_t nope_dim = 0;
    std::int64_t rope_dim = 0;
    std::int64_t v_dim = 0;
    bool operator==(const LatentAttention&) const = default;
};

struct AttentionSpec {
    std::int64_t heads = 0;
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;
    bool qkv_bias = false;
    bool out_bias = false;
    bool fused_qkv = false;  ///< one stored matrix (gpt2, neox, phi3 …): LoRA adapts it as one
    QkNorm qk_norm = QkNorm::none;
    bool sinks = false;            ///< one learned logit a head (gpt_oss)
    double softcap = 0.0;          ///< tanh cap on the scores, 0: none (gemma2)
    double scale = 0.0;            ///< on q * k; 0: 1 / sqrt(head_dim) (t5: 1; gemma, granite)
    double rotary_fraction = 1.0;  ///< part of head_dim that RoPE turns
    std::int64_t window = 0;       ///< sliding window in tokens, 0: full
    std::optional<LatentAttention> latent{};
    bool operator==(const AttentionSpec&) const = default;
};

struct FfnSpec {
    std::int64_t width = 0;
    bool gated = false;  ///< act(gate) * up
    bool bias = false;
    bool fused_gate_up = false;  ///< one stored matrix (phi3)
    ActivationKind activation = ActivationKind::silu;
    bool operator==(const FfnSpec&) const = default;
};

struct MoeSpec {
    std::int64_t experts = 0;
    std::int64_t top_k = 0;
    std::int64_t expert_width = 0;
    std::int64_t shared_width = 0;  ///< total width of the always-on expert, 0: none
    bool shared_gate = false;       ///< qwen2_moe: sigmoid gate (1 x hidden) on the shared expert
    bool router_bias = false;       ///< gpt_oss
    bool expert_bias = false;       ///< gpt_oss
    bool correction_bias_buffer = false;  ///< deepseek_v3: a buffer, not a trained parameter
    ScoreKind score = ScoreKind::softmax;
    bool normalize = true;  ///< the chosen experts' weights are divided by their sum
    double scale = 1.0;     ///< on the weights (deepseek: routed_scaling_factor)
    double aux_loss = 0.0;  ///< load-balance loss coefficient as the model file says
    /// Slots an expert = capacity_factor * tokens * top_k / experts; 0: dropless.
    double capacity_factor = 0.0;
    bool operator==(const MoeSpec&) const = default;
};

/// Parameters that the file holds and the language model's step does not touch (a vision tower).
struct ExtraParameters {
    std::string name{};
    std::int64_t count = 0;
    bool operator==(const ExtraParameters&) const = default;
};

/// What a model's config says, in one vocabulary for every family. Shapes follow from it alone.
struct ModelSpec {
    std::string name{};    ///< preset id or file stem
    std::string family{};  ///< model_type
    Stack stack = Stack::decoder;
    std::int64_t layers = 0;          ///< decoder layers; the encoder's for Stack::encoder
    std::int64_t encoder_layers = 0;  ///< Stack::encoder_decoder only
    std::int64_t hidden = 0;
    std::int64_t vocab = 0;
    std::int64_t max_positions = 0;
    std::int64_t mtp_layers = 0;  ///< multi-token-prediction blocks; not in the parameter count
    bool tied_embeddings = false;
    bool lm_head = true;  ///< BertModel has none of its own

    AttentionSpec attention{};
    /// Layers whose attention uses `attention.window`; empty: every layer does if window > 0.
    std::vector<bool> windowed{};
    FfnSpec ffn{};
    std::optional<MoeSpec> moe{};
    /// Which decoder layers are MoE, one flag a layer; empty: none is.
    std::vector<bool> moe_layers{};
    /// The same for the encoder of an encoder-decoder.
    std::vector<bool> encoder_moe_layers{};

    NormKind norm = NormKind::rms;
    double norm_eps = 1e-6;
    bool norm_bias = false;
    double gain_offset = 0.0;  ///< norms multiply by it plus the stored gain (gemma: 1)
    NormPlacement placement = NormPlacement::pre;
    bool parallel_residual = false;  ///< attention and FFN read the same block input
    bool shared_input_norm = false;  ///< with parallel_residual: one norm feeds both (falcon-7b)
    bool final_norm = true;
    bool embedding_norm = false;  ///< bloom, bert

    PositionKind position = PositionKind::rope;
    double rope_theta = 10000.0;
    double rope_local_theta = 0.0;      ///< of windowed layers; 0: rope_theta (gemma3)
    RopeScaling rope_scaling{};         ///< not of windowed layers that have a theta of their own
    bool rope_interleaved = false;      ///< pairs (2i, 2i + 1) turn (deepseek)
    std::int64_t position_rows = 0;     ///< learned table, offset rows included (opt: +2)
    std::int64_t relative_buckets = 0;  ///< t5
    std::int64_t token_types = 0;       ///< bert
    std::int64_t embedding_width = 0;   ///< opt-350m projects in and out; 0: hidden
    double embedding_scale = 1.0;       ///< gemma: sqrt(hidden)
    double residual_scale = 1.0;        ///< granite
    double logit_scale = 1.0;           ///< logits are multiplied by it (granite: 1/logits_scaling)
    double logit_softcap = 0.0;         ///< gemma2
    bool pooler = false;                ///< bert: dense + tanh on the first token
    double dropout = 0.0;  ///< class default of residual/attention dropout, used only if asked for
    std::vector<ExtraParameters> extra{};

    bool operator==(const ModelSpec&) const = default;

    [[nodiscard]] bool is_moe_layer(std::int64_t layer) const {
        return moe && static_cast<std::size_t>(layer) < moe_layers.size() &&
               moe_layers[static_cast<std::size_t>(layer)];
    }
};

/// Checks what the fields promise each other ("heads 33 must divide by kv_heads 8"); throws
/// InputError with a pointer below `pointer`.
void validate(const ModelSpec& spec, const std::string& pointer = "/model");

/// The spec as an inline JSON object ("format": "headroom-model"), every field that differs from
/// its default; read back by `model_spec_from_json` to an equal value.
Json to_json(const ModelSpec& spec);
ModelSpec model_spec_from_json(const JsonCursor& json);

}  // namespace headroom
