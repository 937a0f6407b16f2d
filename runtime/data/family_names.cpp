#include "runtime/data/family_names.h"

#include <algorithm>
#include <array>

namespace headroom {
namespace {

using enum StoredLayout;

constexpr std::array kLlamaOuter{ModuleName{"embed_tokens", "embed_tokens"},
                                 ModuleName{"final_norm", "norm"}};
constexpr std::array kLlama{ModuleName{"attn.q_proj", "self_attn.q_proj"},
                            ModuleName{"attn.k_proj", "self_attn.k_proj"},
                            ModuleName{"attn.v_proj", "self_attn.v_proj"},
                            ModuleName{"attn.qkv_proj", "self_attn.qkv_proj"},
                            ModuleName{"attn.o_proj", "self_attn.o_proj"},
                            ModuleName{"attn.q_norm", "self_attn.q_norm"},
                            ModuleName{"attn.k_norm", "self_attn.k_norm"},
                            ModuleName{"mlp.gate_proj", "mlp.gate_proj"},
                            ModuleName{"mlp.up_proj", "mlp.up_proj"},
                            ModuleName{"mlp.gate_up_proj", "mlp.gate_up_proj"},
                            ModuleName{"mlp.down_proj", "mlp.down_proj"},
                            ModuleName{"input_norm", "input_layernorm"},
                            ModuleName{"post_attention_norm", "post_attention_layernorm"}};
/// Norms on the parts' outputs as well: what follows the attention normalises its output.
constexpr std::array kSandwich{ModuleName{"attn_output_norm", "post_attention_layernorm"},
                               ModuleName{"post_attention_norm", "pre_feedforward_layernorm"},
                               ModuleName{"mlp_output_norm", "post_feedforward_layernorm"}};
constexpr std::array kOutputNorms{ModuleName{"mlp_output_norm", "post_feedforward_layernorm"}};
constexpr std::array kMixtral{ModuleName{"moe.router", "block_sparse_moe.gate"},
                              ModuleName{"moe.experts.up", "block_sparse_moe.experts.{}.w1", plain,
                                         "block_sparse_moe.experts.{}.w3"},
                              ModuleName{"moe.experts.down", "block_sparse_moe.experts.{}.w2"}};
constexpr std::array kQwenMoe{
    ModuleName{"moe.router", "mlp.gate"},
    ModuleName{"moe.experts.up", "mlp.experts.{}.gate_proj", plain, "mlp.experts.{}.up_proj"},
    ModuleName{"moe.experts.down", "mlp.experts.{}.down_proj"},
    ModuleName{"shared.gate_proj", "mlp.shared_expert.gate_proj"},
    ModuleName{"shared.up_proj", "mlp.shared_expert.up_proj"},
    ModuleName{"shared.down_proj", "mlp.shared_expert.down_proj"},
    ModuleName{"shared.gate", "mlp.shared_expert_gate"}};

constexpr std::array kGpt2Outer{ModuleName{"embed_tokens", "wte"},
                                ModuleName{"embed_positions", "wpe"},
                                ModuleName{"final_norm", "ln_f"}};
constexpr std::array kGpt2{ModuleName{"attn.qkv_proj", "attn.c_attn", transposed},
                           ModuleName{"attn.o_proj", "attn.c_proj", transposed},
                           ModuleName{"mlp.up_proj", "mlp.c_fc", transposed},
                           ModuleName{"mlp.down_proj", "mlp.c_proj", transposed},
                           ModuleName{"input_norm", "ln_1"},
                           ModuleName{"post_attention_norm", "ln_2"}};
constexpr std::array kNeoxOuter{ModuleName{"embed_tokens", "embed_in"},
                                ModuleName{"final_norm", "final_layer_norm"}};
constexpr std::array kNeox{ModuleName{"attn.qkv_proj", "attention.query_key_value", grouped},
                           ModuleName{"attn.o_proj", "attention.dense"},
                           ModuleName{"mlp.up_proj", "mlp.dense_h_to_4h"},
                           ModuleName{"mlp.down_proj", "mlp.dense_4h_to_h"},
                           ModuleName{"input_norm", "input_layernorm"},
                           ModuleName{"post_attention_norm", "post_attention_layernorm"}};
constexpr std::array kBloomOuter{ModuleName{"embed_tokens", "word_embeddings"},
                                 ModuleName{"embed_norm", "word_embeddings_layernorm"},
                                 ModuleName{"final_norm", "ln_f"}};
constexpr std::array kBloom{ModuleName{"attn.qkv_proj", "self_attention.query_key_value", grouped},
                            ModuleName{"attn.o_proj", "self_attention.dense"},
                            ModuleName{"mlp.up_proj", "mlp.dense_h_to_4h"},
                            ModuleName{"mlp.down_proj", "mlp.dense_4h_to_h"},
                            ModuleName{"input_norm", "input_layernorm"},
                            ModuleName{"post_attention_norm", "post_attention_layernorm"}};
/// Falcon's, where attention and feed-forward stand side by side and each has a norm.
constexpr std::array kTwoNorms{ModuleName{"input_norm", "ln_attn"},
                               ModuleName{"post_attention_norm", "ln_mlp"}};
constexpr std::array kOptOuter{
    ModuleName{"embed_tokens", "embed_tokens"}, ModuleName{"embed_positions", "embed_positions"},
    ModuleName{"final_norm", "final_layer_norm"}, ModuleName{"project_in", "project_in"},
    ModuleName{"project_out", "project_out"}};
constexpr std::array kOpt{ModuleName{"attn.q_proj", "self_attn.q_proj"},
                          ModuleName{"attn.k_proj", "self_attn.k_proj"},
                          ModuleName{"attn.v_proj", "self_attn.v_proj"},
                          ModuleName{"attn.o_proj", "self_attn.out_proj"},
                          ModuleName{"mlp.up_proj", "fc1"},
                          ModuleName{"mlp.down_proj", "fc2"}};
constexpr std::array kOptPre{ModuleName{"input_norm", "self_attn_layer_norm"},
                             ModuleName{"post_attention_norm", "final_layer_norm"}};
constexpr std::array kOptPost{ModuleName{"post_attention_norm", "self_attn_layer_norm"},
                              ModuleName{"mlp_output_norm", "final_layer_norm"}};

FamilyNames llama_like(std::string_view family, std::span<const ModuleName> own = {}) {
    FamilyNames names{.family = family,
                      .prefixes = {"model.", ""},
                      .layers = "layers.",
                      .head = "lm_head",
                      .outer = kLlamaOuter,
                      .inner = {kLlama}};
    if (!own.empty()) names.inner = {own, kLlama};
    return names;
}

/// Beside a vision tower, the text's tensors are named below a word for it.
FamilyNames text_part(std::string_view family) {
    FamilyNames names = llama_like(family, kSandwich);
    names.prefixes = {"model.", "language_model.model.", "model.language_model.", ""};
    return names;
}

bool norms_before(const ModelSpec& model) { return model.placement == NormPlacement::pre; }
bool norms_after(const ModelSpec& model) { return model.placement == NormPlacement::post; }
bool two_norms(const ModelSpec& model) {
    return model.parallel_residual && !model.shared_input_norm;
}

FamilyNames opt(bool (*about)(const ModelSpec&), std::span<const ModuleName> norms) {
    return {.family = "opt",
            .about = about,
            .prefixes = {"model.decoder.", "decoder.", ""},
            .layers = "layers.",
            .head = "lm_head",
            .outer = kOptOuter,
            .inner = {norms, kOpt}};
}

FamilyNames transformer(std::string_view family, std::span<const ModuleName> outer,
                        std::span<const ModuleName> inner) {
    return {.family = family,
            .prefixes = {"transformer.", ""},
            .layers = "h.",
            .head = "lm_head",
            .outer = outer,
            .inner = {inner}};
}

FamilyNames falcon_of_two_norms() {
    FamilyNames names = transformer("falcon", kBloomOuter, kBloom);
    names.about = two_norms;
    names.inner = {kTwoNorms, kBloom};
    return names;
}

FamilyNames neox() {
    return {.family = "gpt_neox",
            .prefixes = {"gpt_neox.", ""},
            .layers = "layers.",
            .head = "embed_out",
            .outer = kNeoxOuter,
            .inner = {kNeox}};
}

}  // namespace

std::span<const FamilyNames> all_family_names() {
    static const std::vector<FamilyNames> rows{llama_like("llama"),
                                               llama_like("mistral"),
                                               llama_like("qwen2"),
                                               llama_like("qwen3"),
                                               llama_like("gemma"),
                                               llama_like("gemma2", kSandwich),
                                               text_part("gemma3"),
                                               text_part("gemma3_text"),
                                               llama_like("phi3"),
                                               llama_like("olmo2", kOutputNorms),
                                               llama_like("granite"),
                                               llama_like("mixtral", kMixtral),
                                               llama_like("qwen2_moe", kQwenMoe),
                                               llama_like("qwen3_moe", kQwenMoe),
                                               transformer("gpt2", kGpt2Outer, kGpt2),
                                               transformer("bloom", kBloomOuter, kBloom),
                                               falcon_of_two_norms(),
                                               transformer("falcon", kBloomOuter, kBloom),
                                               neox(),
                                               opt(norms_before, kOptPre),
                                               opt(norms_after, kOptPost)};
    return rows;
}

const FamilyNames* family_names(const ModelSpec& model) {
    const auto rows = all_family_names();
    const auto found = std::ranges::find_if(rows, [&](const FamilyNames& row) {
        return row.family == model.family && (row.about == nullptr || row.about(model));
    });
    return found == rows.end() ? nullptr : &*found;
}

}  // namespace headroom
