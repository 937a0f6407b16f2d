#include <algorithm>

#include "planner/base/json.h"
#include "planner/score/row_request.h"

namespace headroom {
namespace {

void set_attention(ModelSpec& spec, const Json& model) {
    auto& attention = spec.attention;
    attention.heads = count_of(model, "heads", 0);
    attention.kv_heads = count_of(model, "kv_heads", attention.heads);
    attention.head_dim = count_of(model, "head_dim", 0);
    if (attention.head_dim == 0 && attention.heads > 0) {
        attention.head_dim = spec.hidden / attention.heads;
    }
    attention.qkv_bias = flag_of(model, "qkv_bias");
    attention.sinks = has_text(spec.name, "gpt-oss");  // one learned logit a head, in all sizes
    if (count_of(model, "kv_lora_rank", 0) > 0) {
        attention.latent = LatentAttention{.q_rank = count_of(model, "q_lora_rank", 0),
                                           .kv_rank = count_of(model, "kv_lora_rank", 0),
                                           .nope_dim = count_of(model, "qk_nope_head_dim", 128),
                                           .rope_dim = count_of(model, "qk_rope_head_dim", 64),
                                           .v_dim = count_of(model, "v_head_dim", 128)};
        attention.kv_heads = attention.heads;
        attention.head_dim = attention.latent->nope_dim + attention.latent->rope_dim;
    }
    if (const auto window = number_of(model, "sliding_window"); window && *window > 0.0) {
        attention.window = static_cast<std::int64_t>(*window);
        const bool alternate = has_text(text_of(model, "sliding_window"), "alternate");
        for (std::int64_t i = 0; alternate && i < spec.layers; ++i) {
            spec.windowed.push_back(i % 2 == 0);
        }
    }
}

void set_experts(ModelSpec& spec, const Json& model) {
    const std::int64_t experts = count_of(model, "experts", 0);
    if (experts <= 1) return;
    MoeSpec moe{.experts = experts,
                .top_k = count_of(model, "top_k", 1),
                .expert_width = count_of(model, "moe_ffn", spec.ffn.width)};
    const std::int64_t shared = count_of(model, "shared_experts", 0);
    moe.shared_width =
        count_of(model, "shared_expert_ffn", shared > 0 ? shared * moe.expert_width : 0);
    const std::int64_t dense = count_of(model, "first_dense_layers", 0);
    for (std::int64_t i = 0; i < spec.layers; ++i) spec.moe_layers.push_back(i >= dense);
    spec.moe = moe;
}

/// GPT: layer norms and biases everywhere, learned positions; llama: RMS norms, RoPE, no bias.
void set_family(ModelSpec& spec, const Json& model, std::int64_t sequence) {
    const std::string activation = text_of(model, "activation");
    const std::string position = text_of(model, "position");
    spec.ffn.gated = flag_of(model, "gated_mlp");
    const bool squared_relu = has_text(activation, "squared ReLU");
    const bool gpt = !spec.ffn.gated && !squared_relu;
    const bool biases = model.contains("biases") ? flag_of(model, "biases") : gpt;
    spec.norm = gpt || has_text(text_of(model, "norm"), "LayerNorm") || squared_relu
                    ? NormKind::layer
                    : NormKind::rms;
    spec.norm_bias = spec.norm == NormKind::layer && (biases || squared_relu);
    spec.attention.qkv_bias = spec.attention.qkv_bias || biases;
    spec.attention.out_bias = biases;
    spec.attention.fused_qkv = !spec.attention.latent.has_value();
    spec.ffn.bias = biases;
    spec.ffn.fused_gate_up = spec.ffn.gated;
    spec.ffn.activation = spec.ffn.gated ? ActivationKind::silu
                          : squared_relu ? ActivationKind::relu
                                         : ActivationKind::gelu_tanh;
    spec.embedding_norm = flag_of(model, "embed_layernorm");
    spec.position = gpt ? PositionKind::learned : PositionKind::rope;
    if (has_text(position, "alibi")) spec.position = PositionKind::alibi;
    if (has_text(position, "learned")) spec.position = PositionKind::learned;
    if (spec.position == PositionKind::learned) spec.position_rows = sequence;
}

}  // namespace

ModelSpec row_model(const MeasuredRow& row) {
    const Json& model = row.model;
    ModelSpec spec{.name = row.model_name,
                   .family = "measured",
                   .layers = count_of(model, "layers", 0),
                   .hidden = count_of(model, "hidden", 0),
                   .vocab = count_of(model, "vocab", 0),
                   .tied_embeddings = flag_of(model, "tied")};
    const std::int64_t encoder = count_of(model, "encoder_layers", 0);
    if (encoder > 0) {
        spec.stack = Stack::encoder_decoder;
        spec.encoder_layers = encoder;
        spec.layers = count_of(model, "decoder_layers", encoder);
    }
    // GPT-NeoX and what is shaped like it: attention and feed-forward block read one norm's output.
    spec.parallel_residual = has_text(spec.name, "StableLM-base-alpha") ||
                             has_text(spec.name, "Pythia") || has_text(spec.name, "NeoX");
    spec.max_positions = count_of(row.setup, "seq_len", 2048);
    spec.ffn.width = count_of(model, "ffn", 4 * spec.hidden);
    spec.mtp_layers = count_of(model, "mtp_layers", 0);
    set_attention(spec, model);
    set_experts(spec, model);
    set_family(spec, model, spec.max_positions);
    if (has_text(text_of(model, "type"), "encoder")) {
        spec.stack = Stack::encoder;
        spec.placement = NormPlacement::post;
        spec.embedding_norm = true;
        spec.final_norm = false;
        spec.token_types = 2;
    }
    validate(spec);
    return spec;
}

}  // namespace headroom
