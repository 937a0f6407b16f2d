// What only a run reads of a config: scales, offsets and positions, which change no size.
#include <algorithm>
#include <cmath>
#include <string>

#include "planner/base/json.h"
#include "planner/import/model_source.h"
#include "tests/import/configs.h"
#include "tests/support/catch.h"

using namespace headroom;
using namespace headroom::test;
using Catch::Contains;

namespace {

/// The sizes that the family has no defaults for, with `keys`.
ModelSpec deepseek(const std::string& file, const Json& keys) {
    Json config = preset_config(file);
    config.update(keys);
    return spec_of(config);
}

bool noted(const std::string& family, Json keys, const std::string& words) {
    keys["model_type"] = family;
    const JsonCursor config(keys, "");
    return std::ranges::any_of(
        config_notes(config, model_from_hf_config(config, "")),
        [&](const std::string& note) { return note.find(words) != std::string::npos; });
}

const Json kLlama3 = {{"rope_type", "llama3"},
                      {"factor", 8.0},
                      {"low_freq_factor", 1.0},
                      {"high_freq_factor", 4.0},
                      {"original_max_position_embeddings", 8192}};

}  // namespace

TEST_CASE("GemmaNormsMultiplyByOnePlusTheGain") {
    for (const auto* family : {"gemma", "gemma2", "gemma3_text"}) {
        CHECK(built(family).gain_offset == 1.0);
    }
    for (const auto* family : {"llama", "qwen3", "olmo2", "t5", "gpt2"}) {
        CHECK(built(family).gain_offset == 0.0);
    }
}

TEST_CASE("ScoresAreScaledAsTheFamilyDoes") {
    CHECK(built("llama").attention.scale == 0.0);
    CHECK(built("gemma").attention.scale == 0.0);
    CHECK(built("gemma2").attention.scale == 1.0 / 16.0);
    CHECK(built("gemma2", {{"query_pre_attn_scalar", 144}}).attention.scale == 1.0 / 12.0);
    CHECK(built("gemma3_text", {{"query_pre_attn_scalar", 168}}).attention.scale ==
          1.0 / std::sqrt(168.0));
    CHECK(built("granite").attention.scale == 1.0);
    CHECK(built("granite", {{"attention_multiplier", 0.0078125}}).attention.scale == 0.0078125);
    CHECK(built("t5").attention.scale == 1.0);
    CHECK(built("switch_transformers").attention.scale == 1.0);
    CHECK(built("gpt2").attention.scale == 0.0);
    CHECK(built("gpt2", {{"scale_attn_weights", false}}).attention.scale == 1.0);
    CHECK_THROWS_WITH(built("granite", {{"attention_multiplier", 0.0}}),
                      Contains("/attention_multiplier: is 0"));
    CHECK_THROWS_AS(built("gemma2", {{"query_pre_attn_scalar", -1}}), InputError);
}

TEST_CASE("OnlyTiedHeadsOfT5ScaleTheirLogits") {
    CHECK(built("t5").logit_scale == 1.0 / std::sqrt(512.0));
    CHECK(built("t5", {{"tie_word_embeddings", false}}).logit_scale == 1.0);
    CHECK(built("switch_transformers").logit_scale == 1.0 / std::sqrt(768.0));
}

TEST_CASE("PositionsAreStretchedByTheRuleOfTheConfig") {
    const auto rope = [](const std::string& family, const Json& rule) {
        return built(family, {{"rope_scaling", rule}}).rope_scaling;
    };
    for (const auto* family :
         {"llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "gemma",
          "gemma2", "gemma3_text", "phi3", "gpt_oss", "olmo2", "granite", "falcon", "gpt_neox"}) {
        INFO(family);
        CHECK(rope(family, {{"type", "linear"}, {"factor", 4.0}}) ==
              RopeScaling{.kind = RopeScalingKind::linear, .factor = 4.0});
        CHECK(rope(family, kLlama3) == RopeScaling{.kind = RopeScalingKind::llama3,
                                                   .factor = 8.0,
                                                   .low = 1.0,
                                                   .high = 4.0,
                                                   .original = 8192});
        CHECK(rope(family, {{"rope_type", "default"}}) == RopeScaling{});
    }
    CHECK(built("llama").rope_scaling == RopeScaling{});
    CHECK(built("llama", {{"rope_scaling", nullptr}}).rope_scaling == RopeScaling{});
}

TEST_CASE("NewerFilesSayTheSameOfPositions") {
    auto modern = kLlama3;
    modern["rope_theta"] = 5e5;
    CHECK(built("llama", {{"rope_parameters", modern}}) ==
          built("llama", {{"rope_scaling", kLlama3}, {"rope_theta", 5e5}}));
    const Json by_layer = {
        {"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 1e6}}},
        {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 2e4}}}};
    const auto spec = built("gemma3_text", {{"rope_parameters", by_layer}});
    CHECK(spec == built("gemma3_text", {{"rope_scaling", {{"type", "linear"}, {"factor", 8.0}}},
                                        {"rope_local_base_freq", 2e4}}));
    CHECK(spec.rope_theta == 1e6);
    CHECK(spec.rope_local_theta == 2e4);
    CHECK(spec.rope_scaling.factor == 8.0);
    CHECK(built("gemma3_text").rope_local_theta == 1e4);
    CHECK(built("gemma2").rope_local_theta == 0.0);
}

TEST_CASE("YarnTakesItsRampAndItsTemperature") {
    const auto qwen = built("qwen3", {{"rope_scaling",
                                       {{"rope_type", "yarn"},
                                        {"factor", 4.0},
                                        {"original_max_position_embeddings", 32768}}}})
                          .rope_scaling;
    CHECK(qwen.low == 1.0);
    CHECK(qwen.high == 32.0);
    CHECK(qwen.original == 32768);
    CHECK(qwen.truncate);
    CHECK(qwen.attention == Approx(1.13862943611).epsilon(1e-10));  // 0.1 ln 4 + 1
    const auto fixed = built("llama", {{"max_position_embeddings", 8192},
                                       {"rope_scaling",
                                        {{"type", "yarn"},
                                         {"attention_factor", 0.5},
                                         {"beta_fast", 16},
                                         {"beta_slow", 2},
                                         {"original_max_position_embeddings", 2048}}}})
                           .rope_scaling;
    CHECK(fixed.factor == 4.0);  // the ratio of the two lengths
    CHECK(fixed.attention == 0.5);
    CHECK(fixed.high == 16.0);
    CHECK(fixed.low == 2.0);
    const auto whole = built("llama", {{"rope_scaling", {{"type", "yarn"}, {"factor", 2.0}}}});
    CHECK(whole.rope_scaling.original == whole.max_positions);
}

TEST_CASE("GptOssIsStretchedUnlessItsFileHasARule") {
    const RopeScaling own = built("gpt_oss").rope_scaling;
    CHECK(own.kind == RopeScalingKind::yarn);
    CHECK(own.factor == 32.0);
    CHECK(own.original == 4096);
    CHECK_FALSE(own.truncate);
    const Json written = {{"rope_type", "yarn"}, {"factor", 32.0},
                          {"beta_fast", 32.0},   {"beta_slow", 1.0},
                          {"truncate", false},   {"original_max_position_embeddings", 4096}};
    CHECK(built("gpt_oss", {{"rope_scaling", written}}).rope_scaling == own);
    CHECK(built("gpt_oss", {{"rope_parameters", {{"rope_theta", 1e5}}}}).rope_scaling ==
          RopeScaling{});
}

TEST_CASE("DeepseekFoldsItsTemperatureIntoTheScores") {
    const Json yarn = {{"type", "yarn"},
                       {"factor", 40},
                       {"beta_fast", 32},
                       {"beta_slow", 1},
                       {"mscale", 0.707},
                       {"mscale_all_dim", 0.707},
                       {"original_max_position_embeddings", 4096}};
    const auto spec = deepseek("deepseek-ai__DeepSeek-V2", {{"rope_scaling", yarn}});
    CHECK(spec.rope_interleaved);
    CHECK(spec.rope_scaling.attention == 1.0);  // both temperatures are the same
    const double mscale = 0.1 * 0.707 * std::log(40.0) + 1.0;
    CHECK(spec.attention.scale == Approx(mscale * mscale / std::sqrt(192.0)).epsilon(1e-14));

    auto apart = yarn;
    apart["mscale"] = 1.0;
    const auto ratio = deepseek("deepseek-ai__DeepSeek-V3", {{"rope_scaling", apart}});
    CHECK(ratio.rope_scaling.attention ==
          Approx((0.1 * std::log(40.0) + 1.0) / mscale).epsilon(1e-14));

    const auto plain = deepseek("deepseek-ai__DeepSeek-V3", Json::object());
    CHECK(plain.attention.scale == 0.0);
    CHECK(plain.rope_scaling == RopeScaling{});
    CHECK_FALSE(
        deepseek("deepseek-ai__DeepSeek-V3", {{"rope_interleave", false}}).rope_interleaved);
    CHECK_FALSE(built("llama").rope_interleaved);
}

TEST_CASE("ARuleThatIsNotKnownIsPlannedAndTold") {
    const Json longrope = {{"type", "longrope"}, {"short_factor", {1.0}}, {"long_factor", {2.0}}};
    const auto phi3 = built("phi3", {{"rope_scaling", longrope}});
    CHECK(phi3.rope_scaling == RopeScaling{.kind = RopeScalingKind::other});
    CHECK(noted("phi3", {{"rope_scaling", longrope}}, "the rule longrope of its positions"));
    CHECK_FALSE(noted("phi3", Json::object(), "positions is not known"));
    // Early phi3 files call longrope yarn.
    const Json yarn = {{"type", "yarn"}, {"factor", 2.0}};
    CHECK(built("phi3", {{"rope_scaling", yarn}}).rope_scaling.kind == RopeScalingKind::other);
    CHECK(built("llama", {{"rope_scaling", {{"type", "dynamic"}, {"factor", 2.0}}}})
              .rope_scaling.kind == RopeScalingKind::other);
    const Json local = {{"sliding_attention", {{"rope_type", "linear"}, {"factor", 2.0}}}};
    CHECK(built("gemma3_text", {{"rope_parameters", local}}).rope_scaling.kind ==
          RopeScalingKind::other);
    const auto json = to_json(phi3);
    CHECK(json.at("rope_scaling") == Json{{"kind", "other"}});
    CHECK(model_spec_from_json(JsonCursor(json, "")) == phi3);
}

TEST_CASE("RulesWithWrongNumbersAreRefusedAtTheirKey") {
    const auto refused = [](const Json& rule, const std::string& sentence) {
        CHECK_THROWS_WITH(built("llama", {{"rope_scaling", rule}}), Contains(sentence));
    };
    refused(3, "/rope_scaling");
    refused({{"type", 3}}, "/rope_scaling/type");
    refused({{"type", "linear"}}, "/rope_scaling/factor: is missing");
    refused({{"type", "linear"}, {"factor", 0.5}}, "/rope_scaling/factor: is 0.5");
    auto swapped = kLlama3;
    swapped["low_freq_factor"] = 4.0;
    refused(swapped, "/rope_scaling/high_freq_factor: is 4, must be above 4");
    refused({{"type", "yarn"}, {"factor", 2.0}, {"beta_fast", 1.0}}, "/rope_scaling/beta_fast: is");
    refused({{"type", "yarn"}, {"factor", 2.0}, {"original_max_position_embeddings", 0}},
            "/rope_scaling/original_max_position_embeddings: is 0");
}

TEST_CASE("ChosenExpertsAreWeightedAsTheFamilyDoes") {
    CHECK(built("mixtral").moe->normalize);
    CHECK(built("gpt_oss").moe->normalize);
    CHECK_FALSE(built("switch_transformers").moe->normalize);
    for (const auto* family : {"qwen2_moe", "qwen3_moe"}) {
        CHECK_FALSE(built(family).moe->normalize);
        CHECK(built(family, {{"norm_topk_prob", true}}).moe->normalize);
    }
    CHECK(load_model("Qwen/Qwen3-30B-A3B", kProfiles).spec->moe->normalize);
    const auto v3 = load_model("deepseek-ai/DeepSeek-V3", kProfiles).spec->moe;
    CHECK(v3->normalize);
    CHECK(v3->scale == 2.5);
    const auto v2 = deepseek("deepseek-ai__DeepSeek-V2", {{"routed_scaling_factor", 16.0}}).moe;
    CHECK_FALSE(v2->normalize);
    CHECK(v2->scale == 16.0);
    CHECK(built("mixtral").moe->scale == 1.0);
}

TEST_CASE("WhatARunComputesOtherwiseIsTold") {
    const auto told = [](const std::string& preset, const std::string& words) {
        const auto source = load_model(preset, kProfiles);
        return std::ranges::any_of(source.notes, [&](const std::string& note) {
            return note.find(words) != std::string::npos;
        });
    };
    CHECK(told("deepseek-ai/DeepSeek-V3", "experts of 4 out of 8 groups"));
    CHECK(told("openai/gpt-oss-20b", "steeper than silu"));
    CHECK(told("google/switch-base-8", "noise of 0.01"));
    CHECK_FALSE(told("meta-llama/Llama-3.1-8B", "a run"));
    CHECK(noted("mixtral", {{"router_jitter_noise", 0.1}}, "noise of 0.1"));
    CHECK_FALSE(noted("mixtral", Json::object(), "noise"));
    CHECK(noted("gpt2", {{"scale_attn_by_inverse_layer_idx", true}}, "number of the layer"));
    CHECK(noted("falcon", {{"alibi", true}}, "ALiBi"));
    CHECK_FALSE(noted("falcon", Json::object(), "ALiBi"));
}
