#include <cmath>
#include <string>

#include "planner/base/json.h"
#include "planner/import/model_source.h"
#include "tests/import/closed_form.h"
#include "tests/import/configs.h"
#include "tests/support/catch.h"

using namespace headroom;
using namespace headroom::test;
using Catch::Contains;

namespace {

std::int64_t windows(const ModelSpec& spec) {
    return std::count(spec.windowed.begin(), spec.windowed.end(), true);
}

}  // namespace

TEST_CASE("EveryFamilyIsKnownByName") {
    for (const std::string name :
         {"llama",       "mistral",   "mixtral",     "qwen2",       "qwen2_moe",
          "qwen3",       "qwen3_moe", "gemma",       "gemma2",      "gemma3",
          "gemma3_text", "gpt2",      "gpt_neox",    "opt",         "bloom",
          "falcon",      "phi3",      "deepseek_v2", "deepseek_v3", "gpt_oss",
          "olmo2",       "granite",   "bert",        "t5",          "switch_transformers"}) {
        const auto families = known_families();
        INFO(name);
        CHECK(std::find(families.begin(), families.end(), name) != families.end());
    }
}

TEST_CASE("ClassDefaultsAreThoseOfTheFamily") {
    CHECK(built("llama").attention.kv_heads == 32);
    CHECK(built("mistral").attention.kv_heads == 8);
    CHECK(built("mixtral").attention.kv_heads == 8);
    CHECK(built("llama", {{"num_attention_heads", 64}}).attention.kv_heads == 64);
    CHECK(built("gemma").tied_embeddings);
    CHECK_FALSE(built("llama").tied_embeddings);
    CHECK(built("qwen3", {{"hidden_size", 1024}, {"num_attention_heads", 16}}).attention.head_dim ==
          128);
    CHECK(built("gpt2").dropout == 0.1);
    CHECK(built("llama").dropout == 0.0);
    CHECK(built("gpt2", {{"n_inner", nullptr}}).ffn.width == 3072);
    CHECK(oracle::closed_form_parameters(built("gpt2")) == 124439808);
    CHECK(oracle::closed_form_parameters(built("t5")) == 60506624);
    CHECK(oracle::closed_form_parameters(built("bert")) == 109482240);
    CHECK(oracle::closed_form_parameters(built("gpt_neox")) == 20554567680);
}

TEST_CASE("AnExplicitNullIsNotTheClassDefault") {
    CHECK(built("mistral").attention.window == 4096);
    CHECK(built("mistral", {{"sliding_window", nullptr}}).attention.window == 0);
    CHECK(built("mistral", {{"num_key_value_heads", nullptr}}).attention.kv_heads == 32);
    CHECK(built("gemma2", {{"attn_logit_softcapping", nullptr}}).attention.softcap == 0.0);
    CHECK(built("gemma2").attention.softcap == 50.0);
}

TEST_CASE("OldAndNewSpellingsGiveTheSameSpec") {
    const auto same = [](const std::string& family, const Json& a, const Json& b) {
        CHECK(built(family, a) == built(family, b));
    };
    same("llama", {{"rope_theta", 5e5}, {"torch_dtype", "bfloat16"}},
         {{"rope_parameters", {{"rope_theta", 5e5}}}, {"dtype", "bfloat16"}});
    same("qwen3_moe", {{"num_experts", 64}}, {{"num_local_experts", 64}});
    same("mixtral", {{"num_local_experts", 4}}, {{"num_experts", 4}});
    same("falcon", {{"n_layer", 4}, {"n_head", 71}}, {{"num_hidden_layers", 4}});
    same("bloom", {{"n_embed", 64}, {"n_layer", 2}, {"n_head", 8}},
         {{"hidden_size", 64}, {"num_hidden_layers", 2}, {"num_attention_heads", 8}});
    same("phi3", {{"partial_rotary_factor", 0.75}},
         {{"rope_parameters", {{"partial_rotary_factor", 0.75}}}});
    same("gpt_oss", {{"num_experts_per_tok", 2}, {"experts_per_token", 2}},
         {{"num_experts_per_tok", 2}});
    auto modern = preset_config("deepseek-ai__DeepSeek-V3");
    modern["num_local_experts"] = modern["n_routed_experts"];
    modern.erase("n_routed_experts");
    CHECK(spec_of(modern) == spec_of(preset_config("deepseek-ai__DeepSeek-V3")));
}

TEST_CASE("SpellingsThatDisagreeAreRefused") {
    CHECK_THROWS_WITH(built("qwen3_moe", {{"num_experts", 64}, {"num_local_experts", 32}}),
                      Contains("/num_local_experts: is 32, but /num_experts says 64"));
}

TEST_CASE("ErrorsPointAtTheKeyAsWritten") {
    CHECK_THROWS_WITH(built("gpt2", {{"n_head", 7}}),
                      "/n_head: heads 7 must divide hidden size 768");
    CHECK_THROWS_WITH(built("llama", {{"num_attention_heads", 33}}),
                      "/num_attention_heads: heads 33 must divide hidden size 4096");
    CHECK_THROWS_WITH(built("falcon", {{"new_decoder_architecture", true}, {"n_head_kv", 8}}),
                      "/n_head_kv: key/value heads 8 must divide heads 71");
    CHECK_THROWS_WITH(built("mixtral", {{"num_experts_per_tok", 9}}),
                      "/num_experts_per_tok: 9 experts a token of only 8 experts");
    CHECK_THROWS_WITH(spec_of({{"model_type", "gemma3"}, {"text_config", {{"head_dim", 0}}}}),
                      Contains("/text_config/head_dim: is 0"));
    const Json nested = {{"model_type", "gpt2"}, {"n_embd", -4}};
    CHECK_THROWS_WITH(model_from_hf_config(JsonCursor(nested, "/model"), ""),
                      Contains("/model/n_embd: is -4"));
}

TEST_CASE("ImpossibleValuesAreRefused") {
    for (const Json& value :
         {Json(0), Json(-1), Json(1e18), Json(1.5), Json("4096"), Json(true), Json::array(),
          Json::object(), Json(std::nan("")), Json(18446744073709551615ULL)}) {
        INFO(value.dump());
        CHECK_THROWS_AS(built("llama", {{"hidden_size", value}}), InputError);
        CHECK_THROWS_AS(built("llama", {{"num_hidden_layers", value}}), InputError);
        CHECK_THROWS_AS(built("llama", {{"vocab_size", value}}), InputError);
    }
    CHECK_THROWS_AS(built("llama", {{"rms_norm_eps", -1.0}}), InputError);
    CHECK_THROWS_AS(built("llama", {{"tie_word_embeddings", "no"}}), InputError);
    CHECK_THROWS_WITH(built("llama", {{"hidden_act", "snake"}}),
                      Contains("/hidden_act: is \"snake\", must be one of silu"));
    CHECK_THROWS_WITH(built("t5", {{"feed_forward_proj", "gated"}}), Contains("gated-gelu"));
    CHECK_THROWS_AS(spec_of({{"model_type", "gemma3"}, {"text_config", 3}}), InputError);
    CHECK_THROWS_AS(spec_of(Json::array()), InputError);
    CHECK_THROWS_WITH(built("mixtral", {{"hidden_size", 1048576},
                                        {"intermediate_size", 16777216},
                                        {"num_hidden_layers", 4096},
                                        {"num_local_experts", 65536}}),
                      Contains("parameters, the limit is"));
}

TEST_CASE("AnUnknownFamilyIsNamedNotGuessed") {
    CHECK_THROWS_WITH(built("mamba2"), Contains("/model_type: model_type \"mamba2\"") &&
                                           Contains(".safetensors") && Contains("headroom-model"));
    CHECK_THROWS_WITH(built("qwen4"), Contains("qwen3"));
    CHECK_THROWS_WITH(spec_of({{"hidden_size", 64}}), Contains("/model_type: is missing"));
}

TEST_CASE("DeepseekRefusesEveryMissingSize") {
    for (const std::string file : {"deepseek-ai__DeepSeek-V2", "deepseek-ai__DeepSeek-V3"}) {
        const auto full = preset_config(file);
        for (const auto* key :
             {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
              "num_attention_heads", "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim",
              "qk_rope_head_dim", "v_head_dim", "n_routed_experts", "n_shared_experts",
              "num_experts_per_tok", "moe_intermediate_size", "first_k_dense_replace"}) {
            auto config = full;
            config.erase(key);
            INFO(key);
            CHECK_THROWS_WITH(spec_of(config), Contains(std::string("is missing")));
        }
    }
}

TEST_CASE("DeepseekLiteProjectsTheQueryDirectly") {
    // The sizes of DeepSeek-V2-Lite, whose published count is 15,706,484,224.
    auto config = preset_config("deepseek-ai__DeepSeek-V2");
    config.update(Json{{"hidden_size", 2048},
                       {"intermediate_size", 10944},
                       {"num_hidden_layers", 27},
                       {"num_attention_heads", 16},
                       {"num_key_value_heads", 16},
                       {"q_lora_rank", nullptr},
                       {"n_routed_experts", 64},
                       {"moe_intermediate_size", 1408}});
    const auto spec = spec_of(config);
    CHECK(spec.attention.latent->q_rank == 0);
    CHECK(spec.moe->shared_width == 2816);
    CHECK(oracle::closed_form_parameters(spec) == 15706484224);
}

TEST_CASE("OtherPublishedModelsComeOutExactly") {
    auto kimi = preset_config("deepseek-ai__DeepSeek-V3");
    kimi.update(Json{{"vocab_size", 163840},
                     {"num_attention_heads", 64},
                     {"num_key_value_heads", 64},
                     {"n_routed_experts", 384},
                     {"first_k_dense_replace", 1}});
    CHECK(oracle::closed_form_parameters(spec_of(kimi)) == 1026408209408);
    auto gpt_oss = preset_config("openai__gpt-oss-20b");
    gpt_oss.update(Json{{"num_hidden_layers", 36}, {"num_local_experts", 128}});
    CHECK(oracle::closed_form_parameters(spec_of(gpt_oss)) == 116829156672);
    CHECK(oracle::closed_form_parameters(built("gemma3_text", {{"vocab_size", 262144},
                                                               {"hidden_size", 1152},
                                                               {"intermediate_size", 6912},
                                                               {"num_attention_heads", 4},
                                                               {"num_key_value_heads", 1}})) ==
          999885952);
    CHECK(oracle::closed_form_parameters(built("phi3", {{"vocab_size", 100352},
                                                        {"hidden_size", 5120},
                                                        {"intermediate_size", 17920},
                                                        {"num_hidden_layers", 40},
                                                        {"num_attention_heads", 40},
                                                        {"num_key_value_heads", 10}})) ==
          14659507200);
    auto mixtral = preset_config("mistralai__Mixtral-8x7B-v0.1");
    mixtral.update(Json{{"hidden_size", 6144},
                        {"intermediate_size", 16384},
                        {"num_hidden_layers", 56},
                        {"num_attention_heads", 48}});
    CHECK(oracle::closed_form_parameters(spec_of(mixtral)) == 140620634112);
}

TEST_CASE("WindowsAlternateAsTheFamilyDoes") {
    const auto gemma2 = built("gemma2");
    CHECK(gemma2.windowed.size() == 26);
    CHECK(gemma2.windowed[0]);
    CHECK_FALSE(gemma2.windowed[1]);
    const auto gemma3 = built("gemma3_text");
    CHECK(gemma3.windowed[4]);
    CHECK_FALSE(gemma3.windowed[5]);
    CHECK(windows(gemma3) == 22);
    const auto gpt_oss = built("gpt_oss");
    CHECK(gpt_oss.attention.window == 128);
    CHECK(gpt_oss.windowed[0]);
    CHECK(windows(gpt_oss) == 18);
    CHECK(built("qwen2").attention.window == 0);
    CHECK(windows(built("qwen2", {{"use_sliding_window", true}})) == 4);
    CHECK(windows(built("mistral")) == 32);
}

TEST_CASE("LayerTypesOverruleThePattern") {
    const Json types = {"full_attention", "sliding_attention", "full_attention"};
    const auto spec = built("gpt_oss", {{"num_hidden_layers", 3}, {"layer_types", types}});
    CHECK(spec.windowed == std::vector<bool>{false, true, false});
    CHECK_THROWS_WITH(built("gpt_oss", {{"layer_types", types}}),
                      Contains("/layer_types: has 3 entries for 36 layers"));
    CHECK_THROWS_AS(built("gpt_oss", {{"num_hidden_layers", 1}, {"layer_types", {"x"}}}),
                    InputError);
}

TEST_CASE("SparseLayersAreResolvedToFlags") {
    const auto v3 = spec_of(preset_config("deepseek-ai__DeepSeek-V3"));
    CHECK_FALSE(v3.moe_layers[2]);
    CHECK(v3.moe_layers[3]);
    CHECK(v3.moe_layers.size() == 61);
    const auto base8 = spec_of(preset_config("google__switch-base-8"));
    CHECK_FALSE(base8.moe_layers[0]);
    CHECK(base8.moe_layers[1]);
    CHECK(base8.encoder_moe_layers[11]);
    const auto none = built("switch_transformers", {{"num_sparse_encoder_layers", 0}});
    CHECK(std::count(none.encoder_moe_layers.begin(), none.encoder_moe_layers.end(), true) == 0);
    const auto stepped = built("qwen3_moe", {{"decoder_sparse_step", 2}, {"mlp_only_layers", {1}}});
    CHECK_FALSE(stepped.moe_layers[0]);
    CHECK_FALSE(stepped.moe_layers[1]);
    CHECK(stepped.moe_layers[3]);
    CHECK_THROWS_AS(built("qwen3_moe", {{"mlp_only_layers", {99}}}), InputError);
}

TEST_CASE("BlocksAreWiredAsTheFamilyDoes") {
    const auto falcon7 = built("falcon");
    CHECK(falcon7.parallel_residual);
    CHECK(falcon7.shared_input_norm);
    CHECK(falcon7.attention.kv_heads == 1);
    const auto falcon40 = spec_of(preset_config("tiiuae__falcon-40b"));
    CHECK(falcon40.parallel_residual);
    CHECK_FALSE(falcon40.shared_input_norm);
    CHECK(falcon40.attention.kv_heads == 8);
    const auto opt350 = spec_of(preset_config("facebook__opt-350m"));
    CHECK(opt350.placement == NormPlacement::post);
    CHECK_FALSE(opt350.final_norm);
    CHECK(opt350.embedding_width == 512);
    CHECK(opt350.position_rows == 2050);
    const auto bert = built("bert");
    CHECK(bert.stack == Stack::encoder);
    CHECK_FALSE(bert.lm_head);
    CHECK(bert.pooler);
    const auto t5 = built("t5", {{"num_decoder_layers", 3}});
    CHECK(t5.encoder_layers == 6);
    CHECK(t5.layers == 3);
    CHECK(t5.norm == NormKind::rms);
    CHECK(built("olmo2").placement == NormPlacement::output);
    CHECK(built("gemma").ffn.activation == ActivationKind::gelu_tanh);
    CHECK(built("gemma", {{"hidden_act", "gelu"}}).ffn.activation == ActivationKind::gelu_tanh);
    CHECK(built("gemma").embedding_scale == Approx(std::sqrt(3072.0)));
    CHECK(built("granite", {{"logits_scaling", 16.0}}).logit_scale == 1.0 / 16.0);
    CHECK(built("phi3").ffn.fused_gate_up);
    CHECK(built("gpt_neox").attention.rotary_fraction == 0.25);
}

TEST_CASE("BiasesFollowTheirKeys") {
    CHECK(built("qwen2").attention.qkv_bias);
    CHECK_FALSE(built("qwen2").attention.out_bias);
    CHECK(built("llama", {{"attention_bias", true}}).attention.out_bias);
    CHECK(built("llama", {{"mlp_bias", true}}).ffn.bias);
    CHECK_FALSE(built("gpt_neox", {{"attention_bias", false}}).attention.qkv_bias);
    CHECK_FALSE(built("opt", {{"enable_bias", false}}).ffn.bias);
    CHECK_FALSE(built("qwen2_moe", {{"qkv_bias", false}}).attention.qkv_bias);
    CHECK(built("gpt_oss").attention.sinks);
}
