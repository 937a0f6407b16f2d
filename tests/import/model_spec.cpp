#include "planner/spec/model_spec.h"

#include <functional>
#include <limits>
#include <string>

#include "planner/base/json.h"
#include "tests/support/catch.h"

using namespace headroom;
using Catch::Contains;

namespace {

ModelSpec small() {
    ModelSpec spec;
    spec.name = "small";
    spec.layers = 2;
    spec.hidden = 64;
    spec.vocab = 100;
    spec.attention = {.heads = 4, .kv_heads = 2, .head_dim = 16};
    spec.ffn.width = 96;
    return spec;
}

/// The sentence that `change` provokes, empty when the spec still holds.
std::string complaint(const std::function<void(ModelSpec&)>& change) {
    auto spec = small();
    change(spec);
    try {
        validate(spec);
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

ModelSpec read_back(const Json& json) { return model_spec_from_json(JsonCursor(json, "/model")); }

}  // namespace

TEST_CASE("ASoundSpecIsAccepted") {
    CHECK(complaint([](ModelSpec&) {}).empty());
}

TEST_CASE("EverySizeMustBePositiveAndWithinItsLimit") {
    using Field = std::function<std::int64_t&(ModelSpec&)>;
    const std::vector<std::pair<std::string, Field>> fields{
        {"/model/layers", [](ModelSpec& m) -> std::int64_t& { return m.layers; }},
        {"/model/hidden", [](ModelSpec& m) -> std::int64_t& { return m.hidden; }},
        {"/model/vocab", [](ModelSpec& m) -> std::int64_t& { return m.vocab; }},
        {"/model/ffn/width", [](ModelSpec& m) -> std::int64_t& { return m.ffn.width; }},
        {"/model/attention/heads", [](ModelSpec& m) -> std::int64_t& { return m.attention.heads; }},
        {"/model/attention/kv_heads",
         [](ModelSpec& m) -> std::int64_t& { return m.attention.kv_heads; }},
        {"/model/attention/head_dim",
         [](ModelSpec& m) -> std::int64_t& { return m.attention.head_dim; }}};
    for (const auto& [place, field] : fields) {
        for (const std::int64_t value :
             {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::max(),
              std::numeric_limits<std::int64_t>::min()}) {
            INFO(place << " " << value);
            CHECK_THAT(complaint([&, f = field](ModelSpec& m) { f(m) = value; }),
                       Contains(place + ": is " + std::to_string(value)));
        }
    }
    CHECK_THAT(complaint([](ModelSpec& m) { m.norm_eps = std::nan(""); }), Contains("norm_eps"));
}

TEST_CASE("FieldsMustAgreeWithEachOther") {
    CHECK(complaint([](ModelSpec& m) { m.attention.kv_heads = 3; }) ==
          "/model/attention/kv_heads: kv_heads 3 must divide heads 4");
    CHECK_THAT(complaint([](ModelSpec& m) {
                   m.moe = MoeSpec{.experts = 4, .top_k = 5, .expert_width = 8};
               }),
               Contains("/model/moe/top_k: top_k 5 must not exceed experts 4"));
    CHECK_THAT(complaint([](ModelSpec& m) {
                   m.moe = MoeSpec{.experts = 4, .top_k = 1, .expert_width = 8};
                   m.moe_layers = {true};
               }),
               Contains("/model/moe_layers: has 1 flags for 2 layers"));
    CHECK_THAT(complaint([](ModelSpec& m) {
                   m.moe_layers = {true, true};
               }),
               Contains("/moe is missing"));
    CHECK_THAT(complaint([](ModelSpec& m) {
                   m.windowed = {true, true, true};
               }),
               Contains("has 3 flags for 2 layers"));
    CHECK_THAT(complaint([](ModelSpec& m) { m.windowed = {true, true}; }), Contains("window is 0"));
    CHECK_THAT(complaint([](ModelSpec& m) { m.position = PositionKind::learned; }),
               Contains("/model/position_rows"));
    CHECK_THAT(complaint([](ModelSpec& m) { m.position = PositionKind::relative_bias; }),
               Contains("/model/relative_buckets"));
    CHECK_THAT(complaint([](ModelSpec& m) {
                   m.rope_scaling = {.kind = RopeScalingKind::yarn, .factor = 2.0};
               }),
               Contains("/model/rope_scaling/original: is 0"));
    CHECK_THAT(complaint([](ModelSpec& m) {
                   m.rope_scaling = {
                       .kind = RopeScalingKind::llama3, .low = 4.0, .high = 4.0, .original = 64};
               }),
               Contains("/model/rope_scaling/high: is 4, must be above low 4"));
    CHECK_THAT(complaint([](ModelSpec& m) { m.rope_scaling.factor = 0.5; }),
               Contains("/model/rope_scaling/factor: is 0.5"));
    CHECK_THAT(complaint([](ModelSpec& m) { m.stack = Stack::encoder_decoder; }),
               Contains("/model/encoder_layers"));
    CHECK_THAT(complaint([](ModelSpec& m) { m.encoder_layers = 2; }),
               Contains("/model/encoder_layers"));
    CHECK_THAT(complaint([](ModelSpec& m) { m.shared_input_norm = true; }),
               Contains("parallel_residual"));
    CHECK_THAT(complaint([](ModelSpec& m) {
                   m.attention.kv_heads = 4;
                   m.attention.latent =
                       LatentAttention{.kv_rank = 8, .nope_dim = 8, .rope_dim = 4, .v_dim = 8};
               }),
               Contains("head_dim 16 must be nope_dim 8 + rope_dim 4"));
}

TEST_CASE("AModelBeyondAnyMachineIsRefusedBeforeItOverflows") {
    CHECK_THAT(complaint([](ModelSpec& m) {
                   m.layers = 4096;
                   m.hidden = 1 << 20;
                   m.moe = MoeSpec{.experts = 65536, .top_k = 1, .expert_width = 1 << 24};
               }),
               Contains("parameters, the limit is"));
    CHECK_THAT(complaint([](ModelSpec& m) {
                   m.attention = {.heads = 65536, .kv_heads = 65536, .head_dim = 65536};
               }),
               Contains("the limit is 16777216"));
}

TEST_CASE("OnlyWhatDiffersFromTheDefaultIsWritten") {
    const auto json = to_json(small());
    CHECK(json.at("format") == "headroom-model");
    CHECK(json.at("hidden") == 64);
    CHECK_FALSE(json.contains("rope_theta"));
    CHECK_FALSE(json.contains("moe"));
    CHECK_FALSE(json.at("attention").contains("qkv_bias"));
    CHECK(read_back(json) == small());
}

TEST_CASE("EveryFieldSurvivesTheRoundTrip") {
    auto spec = small();
    spec.family = "mine";
    spec.stack = Stack::encoder_decoder;
    spec.encoder_layers = 3;
    spec.max_positions = 77;
    spec.mtp_layers = 1;
    spec.tied_embeddings = true;
    spec.lm_head = false;
    spec.attention = {.heads = 4,
                      .kv_heads = 4,
                      .head_dim = 12,
                      .qkv_bias = true,
                      .out_bias = true,
                      .fused_qkv = true,
                      .qk_norm = QkNorm::full,
                      .sinks = true,
                      .softcap = 30.5,
                      .scale = 0.125,
                      .rotary_fraction = 0.3,
                      .window = 5,
                      .latent = LatentAttention{
                          .q_rank = 7, .kv_rank = 6, .nope_dim = 8, .rope_dim = 4, .v_dim = 9}};
    spec.windowed = {true, false};
    spec.ffn = {.width = 96,
                .gated = true,
                .bias = true,
                .fused_gate_up = true,
                .activation = ActivationKind::tanh};
    spec.moe = MoeSpec{.experts = 4,
                       .top_k = 2,
                       .expert_width = 8,
                       .shared_width = 5,
                       .shared_gate = true,
                       .router_bias = true,
                       .expert_bias = true,
                       .correction_bias_buffer = true,
                       .score = ScoreKind::sigmoid,
                       .normalize = false,
                       .scale = 2.5,
                       .aux_loss = 0.001,
                       .capacity_factor = 1.25};
    spec.moe_layers = {false, true};
    spec.encoder_moe_layers = {true, false, true};
    spec.norm = NormKind::layer;
    spec.norm_eps = 1e-12;
    spec.norm_bias = true;
    spec.gain_offset = 1.0;
    spec.placement = NormPlacement::sandwich;
    spec.parallel_residual = true;
    spec.shared_input_norm = true;
    spec.final_norm = false;
    spec.embedding_norm = true;
    spec.position = PositionKind::alibi;
    spec.rope_theta = 123456.789;
    spec.rope_local_theta = 10000.5;
    spec.rope_scaling = {.kind = RopeScalingKind::yarn,
                         .factor = 32.0,
                         .low = 1.5,
                         .high = 31.0,
                         .attention = 1.25,
                         .original = 4096,
                         .truncate = false};
    spec.rope_interleaved = true;
    spec.position_rows = 9;
    spec.relative_buckets = 8;
    spec.token_types = 2;
    spec.embedding_width = 32;
    spec.embedding_scale = 8.5;
    spec.residual_scale = 0.22;
    spec.logit_scale = 1.0 / 3.0;
    spec.logit_softcap = 30.0;
    spec.pooler = true;
    spec.dropout = 0.1;
    spec.extra = {{"vision_tower", 12}};
    CHECK(read_back(parse_json(to_json(spec).dump(), "text")) == spec);
}

TEST_CASE("AnInlineModelIsReadStrictly") {
    const auto with = [](const std::string& key, const Json& value) {
        auto json = to_json(small());
        json[key] = value;
        return json;
    };
    CHECK_THROWS_WITH(read_back(with("hiden", 3)),
                      Contains("/model/hiden") && Contains("\"hidden\""));
    CHECK_THROWS_WITH(read_back(with("hidden", "64")), Contains("/model/hidden"));
    CHECK_THROWS_WITH(read_back(with("norm", "batch")),
                      "/model/norm: is \"batch\", must be one of rms, layer");
    CHECK_THROWS_WITH(read_back(with("format", "other")), Contains("/model/format"));
    CHECK_THROWS_WITH(read_back(with("moe_layers", {1})), Contains("/model/moe_layers/0"));
    CHECK_THROWS_WITH(read_back(with("attention", 3)), Contains("/model/attention"));
    CHECK_THROWS_WITH(read_back(with("moe", Json::object())), Contains("/model/moe/experts"));
    CHECK_THROWS_AS(read_back(Json::array()), InputError);
}
