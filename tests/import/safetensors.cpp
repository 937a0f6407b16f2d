#include <string>

#include "planner/base/error.h"
#include "planner/import/model_source.h"
#include "tests/import/safetensors_bytes.h"
#include "tests/support/catch.h"

using namespace headroom;
using Catch::Contains;

namespace {

std::vector<StoredTensor> parsed(const std::string& header, std::int64_t payload = -1) {
    const auto bytes = with_length(header);
    const auto size = payload < 0 ? -1 : static_cast<std::int64_t>(bytes.size()) + payload;
    return parse_safetensors_header(bytes, size, "w.safetensors");
}

std::int64_t counted(const std::vector<TensorRow>& rows) {
    const auto [header, payload] = header_of(rows);
    return count_stored_parameters(parsed(header, payload));
}

const std::string kOne = R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})";

}  // namespace

TEST_CASE("AHeaderGivesNamesDtypesAndShapes") {
    const auto tensors = parsed(kOne, 24);
    REQUIRE(tensors.size() == 1);
    CHECK(tensors[0].name == "a");
    CHECK(tensors[0].dtype == "F32");
    CHECK(tensors[0].shape == std::vector<std::int64_t>{2, 3});
    CHECK(tensors[0].end == 24);
}

TEST_CASE("PaddingScalarsAndEmptyTensorsAreFine") {
    CHECK(parsed(kOne + "    ", 24).size() == 1);
    CHECK(parsed("{}", 0).empty());
    CHECK(count_stored_parameters(
              parsed(R"({"s":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}})", 2)) == 1);
    CHECK(count_stored_parameters(
              parsed(R"({"e":{"dtype":"BF16","shape":[0,7],"data_offsets":[0,0]}})", 0)) == 0);
}

TEST_CASE("ALyingHeaderLengthIsRefused") {
    const auto parse = [](const std::string& bytes, std::int64_t size) {
        return parse_safetensors_header(bytes, size, "w.safetensors");
    };
    CHECK_THROWS_WITH(parse("1234567", 7), Contains("7 bytes"));
    CHECK_THROWS_WITH(parse("", 0), Contains("0 bytes"));
    CHECK_THROWS_WITH(parse(with_length(kOne, 0), 100), Contains("header of 0 bytes"));
    CHECK_THROWS_WITH(parse(with_length(kOne, 1000), 100), Contains("but is 100 bytes long"));
    CHECK_THROWS_WITH(parse(with_length(kOne, 100'000'001), -1), Contains("limit is 100000000"));
    CHECK_THROWS_WITH(parse(with_length(kOne, ~0ULL), -1), Contains("limit is 100000000"));
    CHECK_THROWS_WITH(parse(with_length(kOne, 1000), -1), Contains("are there"));
}

TEST_CASE("AHeaderThatIsNoObjectOfTensorsIsRefused") {
    for (const auto* text :
         {"[]", "3", "null", "{", "{\"a\":", "{\"a\":3}", "{\"a\":[1]}", "{\"a\":{}}",
          "{\"a\":{\"dtype\":\"F32\",\"shape\":3,\"data_offsets\":[0,4]}}",
          "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}",
          "{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}",
          "{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}",
          "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
          "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}",
          "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}",
          "{\"a\":{\"dtype\":\"F32\",\"shape\":[[[[[[1]]]]]],\"data_offsets\":[0,4]}}",
          "\xff\xfe"}) {
        INFO(text);
        CHECK_THROWS_AS(parsed(text), InputError);
    }
}

TEST_CASE("SizesThatDoNotFitTheDtypeAreRefused") {
    CHECK_THROWS_WITH(parsed(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,20]}})"),
                      Contains("hold 20 bytes, but 6 elements of F32 need 24"));
    CHECK_THROWS_WITH(parsed(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})"),
                      Contains("hold -4 bytes"));
}

TEST_CASE("ShapesWhoseProductOverflowsAreRefused") {
    CHECK_THROWS_WITH(
        parsed(R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})"),
        Contains("describes more than"));
    CHECK_THROWS_AS(parsed(R"({"a":{"dtype":"U8","shape":[1e18],"data_offsets":[0,1]}})"),
                    InputError);
}

TEST_CASE("OffsetsMustLieInTheFileAndApart") {
    CHECK_THROWS_WITH(parsed(kOne, 20), Contains("ends at byte 24, but the file holds 20"));
    CHECK_THROWS_WITH(parsed(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},
                                 "b":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}})"),
                      Contains("begins at byte 4, inside \"a\""));
}

TEST_CASE("ATensorNamedTwiceIsRefused") {
    CHECK_THROWS_WITH(parsed(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},
                                 "a":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}})"),
                      Contains("\"a\" is named twice"));
    CHECK_THROWS_WITH(
        parsed(R"({"a":{"dtype":"U8","dtype":"I8","shape":[8],"data_offsets":[0,8]}})"),
        Contains("named twice"));
}

TEST_CASE("Packed4BitWeightsCountTwoAByteAndTheirScalesNothing") {
    CHECK(counted({{"q.weight", "U8", 2, {128, 1}},
                   {"q.weight.absmax", "U8", 2, {4}},
                   {"q.weight.nested_absmax", "F32", 8, {1}},
                   {"q.weight.nested_quant_map", "F32", 8, {256}},
                   {"q.weight.quant_map", "F32", 8, {16}},
                   {"q.weight.quant_state.bitsandbytes__nf4", "U8", 2, {90}},
                   {"norm.weight", "BF16", 4, {16}}}) == 256 + 16);
    CHECK(counted({{"experts.up_proj_blocks", "U8", 2, {2, 8, 3, 16}},
                   {"experts.up_proj_scales", "U8", 2, {2, 8, 3}},
                   {"experts.up_proj_bias", "BF16", 4, {2, 8}}}) == 2 * 768 + 16);
    CHECK(counted({{"q.qweight", "I32", 8, {8, 64}},
                   {"q.qzeros", "I32", 8, {1, 8}},
                   {"q.scales", "F16", 4, {1, 64}},
                   {"q.g_idx", "I32", 8, {64}}}) == 64 * 64);
    CHECK(counted({{"w", "F4", 1, {8, 8}}, {"w_e8", "F8_E8M0", 2, {2}}}) == 64);
}

TEST_CASE("BuffersAndBlockScalesAreNotParameters") {
    CHECK(counted({{"w.weight", "F8_E4M3", 2, {128, 128}},
                   {"w.weight_scale_inv", "F32", 8, {1, 1}},
                   {"embeddings.position_ids", "I64", 16, {1, 512}},
                   {"mlp.gate.e_score_correction_bias", "F32", 8, {256}},
                   {"rotary_emb.inv_freq", "F32", 8, {64}},
                   {"h.0.attn.bias", "F32", 8, {1, 1, 32, 32}},
                   {"attention.masked_bias", "F32", 8, {1}},
                   {"h.0.attn.c_attn.bias", "F32", 8, {48}},
                   {"mask", "BOOL", 2, {4, 4}}}) == 128 * 128 + 48);
    CHECK(counted({{"w.weight", "I8", 2, {16, 16}}, {"w.SCB", "F32", 8, {16}}}) == 256);
}

TEST_CASE("AnMxfp4FileOfGptOssCountsItsPublishedParameters") {
    // The shapes of gpt-oss-20b: 24 layers, 32 experts, 2880 wide.
    std::vector<TensorRow> rows{{"model.embed_tokens.weight", "BF16", 4, {201088, 2880}},
                                {"lm_head.weight", "BF16", 4, {201088, 2880}},
                                {"model.norm.weight", "BF16", 4, {2880}}};
    for (int i = 0; i < 24; ++i) {
        const auto layer = "model.layers." + std::to_string(i) + ".";
        const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
            rows.push_back({layer + name, "BF16", 4, std::move(shape)});
        };
        add("self_attn.q_proj.weight", {4096, 2880});
        add("self_attn.q_proj.bias", {4096});
        add("self_attn.k_proj.weight", {512, 2880});
        add("self_attn.k_proj.bias", {512});
        add("self_attn.v_proj.weight", {512, 2880});
        add("self_attn.v_proj.bias", {512});
        add("self_attn.o_proj.weight", {2880, 4096});
        add("self_attn.o_proj.bias", {2880});
        add("self_attn.sinks", {64});
        add("mlp.router.weight", {32, 2880});
        add("mlp.router.bias", {32});
        add("mlp.experts.gate_up_proj_bias", {32, 5760});
        add("mlp.experts.down_proj_bias", {32, 2880});
        add("input_layernorm.weight", {2880});
        add("post_attention_layernorm.weight", {2880});
        for (const auto* half : {"gate_up_proj", "down_proj"}) {
            const std::int64_t out = half[0] == 'g' ? 5760 : 2880;
            const auto name = layer + "mlp.experts." + half;
            rows.push_back({name + "_blocks", "U8", 2, {32, out, 90, 16}});
            rows.push_back({name + "_scales", "U8", 2, {32, out, 90}});
        }
    }
    CHECK(counted(rows) == 20'914'757'184);
}
