#include <algorithm>
#include <iostream>
#include <sstream>
#include <string>

#include "planner/base/json.h"
#include "planner/import/model_source.h"
#include "tests/import/closed_form.h"
#include "tests/import/configs.h"
#include "tests/import/safetensors_bytes.h"
#include "tests/support/catch.h"

using namespace headroom;
using namespace headroom::test;
using Catch::Contains;
using Catch::StartsWith;

namespace {

ModelSource loaded(const std::filesystem::path& path) {
    return load_model(path.string(), kProfiles);
}

bool noted(const ModelSource& source, const std::string& words) {
    return std::ranges::any_of(source.notes, [&](const std::string& note) {
        return note.find(words) != std::string::npos;
    });
}

/// A two-layer llama: 64 wide, heads of 16, 4 heads, 2 key/value heads, 96 FFN, 100 words.
std::vector<TensorRow> tiny_llama(bool head = true) {
    std::vector<TensorRow> rows{{"model.embed_tokens.weight", "BF16", 4, {100, 64}},
                                {"model.norm.weight", "BF16", 4, {64}}};
    if (head) rows.push_back({"lm_head.weight", "BF16", 4, {100, 64}});
    for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
        rows.push_back({layer + "self_attn.q_proj.weight", "BF16", 4, {64, 64}});
        rows.push_back({layer + "self_attn.k_proj.weight", "BF16", 4, {32, 64}});
        rows.push_back({layer + "self_attn.v_proj.weight", "BF16", 4, {32, 64}});
        rows.push_back({layer + "self_attn.o_proj.weight", "BF16", 4, {64, 64}});
        rows.push_back({layer + "self_attn.rotary_emb.inv_freq", "F32", 8, {8}});
        rows.push_back({layer + "mlp.gate_proj.weight", "BF16", 4, {96, 64}});
        rows.push_back({layer + "mlp.up_proj.weight", "BF16", 4, {96, 64}});
        rows.push_back({layer + "mlp.down_proj.weight", "BF16", 4, {64, 96}});
        rows.push_back({layer + "input_layernorm.weight", "BF16", 4, {64}});
        rows.push_back({layer + "post_attention_layernorm.weight", "BF16", 4, {64}});
    }
    return rows;
}

constexpr std::int64_t kTinyCount = 2 * 6400 + 64 + 2 * (2 * 4096 + 2 * 2048 + 3 * 6144 + 128);

const std::string kTinyConfig = R"({"model_type": "llama", "vocab_size": 100, "hidden_size": 64,
    "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "tie_word_embeddings": false})";

}  // namespace

TEST_CASE("WeightsWithoutAConfigBecomeADenseDecoder") {
    const TemporaryFolder folder("dense");
    folder.write_tensors("tiny.safetensors", tiny_llama());
    const auto source = loaded(folder.path("tiny.safetensors"));
    REQUIRE(source.spec);
    CHECK(source.origin == "safetensors");
    CHECK(source.spec->name == "tiny");
    CHECK(source.spec->layers == 2);
    CHECK(source.spec->attention.head_dim == 16);
    CHECK(source.spec->attention.kv_heads == 2);
    CHECK_FALSE(source.spec->tied_embeddings);
    CHECK(source.stored_parameters == kTinyCount);
    CHECK(oracle::closed_form_parameters(*source.spec) == kTinyCount);
    CHECK(noted(source, "activations modelled as a dense decoder"));
}

TEST_CASE("WeightsOfAnUnknownShapeAreOnlyCounted") {
    const TemporaryFolder folder("counted");
    auto rows = tiny_llama();
    rows.push_back({"model.layers.0.mixer.in_proj.weight", "BF16", 4, {8, 64}});
    folder.write_tensors("odd.safetensors", rows);
    const auto source = loaded(folder.path("odd.safetensors"));
    CHECK_FALSE(source.spec);
    CHECK(source.stored_parameters == kTinyCount + 8 * 64);
    CHECK(noted(source, "only their count is known"));
}

TEST_CASE("OtherPartsOfAFileAreExtraParameters") {
    const TemporaryFolder folder("extra");
    auto rows = tiny_llama();
    rows.push_back({"vision_tower.patch.weight", "BF16", 4, {7, 3}});
    folder.write_tensors("both.safetensors", rows);
    const auto source = loaded(folder.path("both.safetensors"));
    REQUIRE(source.spec);
    REQUIRE(source.spec->extra.size() == 1);
    CHECK(source.spec->extra[0] == ExtraParameters{"vision_tower", 21});
    CHECK(oracle::closed_form_parameters(*source.spec) == source.stored_parameters);
}

TEST_CASE("TheConfigBesideTheWeightsMakesTheSpec") {
    const TemporaryFolder folder("beside");
    folder.write("config.json", kTinyConfig);
    folder.write_tensors("model.safetensors", tiny_llama());
    const auto source = loaded(folder.root());
    REQUIRE(source.spec);
    CHECK(source.origin == "safetensors");
    CHECK(source.spec->family == "llama");
    CHECK(source.stored_parameters == kTinyCount);
    CHECK(source.notes.empty());
}

TEST_CASE("ABadPlaceIsNamedWithItsFile") {
    const TemporaryFolder folder("places");
    auto config = Json::parse(kTinyConfig);
    config["hidden_size"] = "wide";
    folder.write("config.json", config.dump());
    folder.write_tensors("model.safetensors", tiny_llama());
    const auto file = folder.path("config.json").string();
    CHECK_THROWS_WITH(loaded(file), StartsWith(file + "#/hidden_size: is \"wide\""));
    CHECK_THROWS_WITH(loaded(folder.root()), StartsWith(file + "#/hidden_size: is \"wide\""));
    folder.write("config.json", "[]");
    CHECK_THROWS_WITH(loaded(file), StartsWith(file + "#: must be an object"));
}

TEST_CASE("AConfigThatContradictsTheWeightsIsNoted") {
    const TemporaryFolder folder("contradiction");
    auto config = Json::parse(kTinyConfig);
    config["num_hidden_layers"] = 3;
    config["intermediate_size"] = 128;
    folder.write("config.json", config.dump());
    folder.write_tensors("model.safetensors", tiny_llama());
    const auto source = loaded(folder.path("model.safetensors"));
    CHECK(noted(source, "the config says 3 layers, the stored tensors say 2"));
    CHECK(noted(source, "the config says 128 feed-forward rows, the stored tensors say 96"));
}

TEST_CASE("AnUnknownFamilyBesideWeightsStillGivesTheCount") {
    const TemporaryFolder folder("unknown");
    folder.write("config.json", R"({"model_type": "novel"})");
    folder.write_tensors("model.safetensors", tiny_llama());
    const auto source = loaded(folder.root());
    CHECK(source.stored_parameters == kTinyCount);
    CHECK(noted(source, "\"novel\" has no adapter"));
    CHECK(source.spec->family == "unknown");
    CHECK_THROWS_WITH(loaded(folder.path("config.json")), Contains("no adapter"));
}

TEST_CASE("ATiedHeadStoredAgainIsCountedOnce") {
    const TemporaryFolder folder("tied");
    auto config = Json::parse(kTinyConfig);
    config["tie_word_embeddings"] = true;
    folder.write("config.json", config.dump());
    folder.write_tensors("model.safetensors", tiny_llama());
    const auto source = loaded(folder.root());
    CHECK(source.stored_parameters == kTinyCount - 6400);
    CHECK(noted(source, "more than once"));
    folder.write_tensors("model.safetensors", tiny_llama(false));
    CHECK(loaded(folder.root()).stored_parameters == kTinyCount - 6400);
}

TEST_CASE("ShardsBesideTheirIndexAreRead") {
    const TemporaryFolder folder("shards");
    const auto rows = tiny_llama();
    const auto half = rows.begin() + 5;
    folder.write_tensors("m-1.safetensors", {rows.begin(), half});
    folder.write_tensors("m-2.safetensors", {half, rows.end()});
    Json index;
    for (auto row = rows.begin(); row != rows.end(); ++row) {
        index["weight_map"][row->name] = row < half ? "m-1.safetensors" : "m-2.safetensors";
    }
    index["metadata"]["total_parameters"] = 569856;  // wrong totals happen: the headers win
    folder.write("model.safetensors.index.json", index.dump());
    const auto source = loaded(folder.root());
    CHECK(source.origin == "index");
    CHECK(source.stored_parameters == kTinyCount);
    CHECK(source.spec->name == folder.root().filename());

    index["weight_map"]["absent.weight"] = "m-1.safetensors";
    folder.write("model.safetensors.index.json", index.dump());
    CHECK_THROWS_WITH(loaded(folder.root()), Contains("lacks \"absent.weight\""));
}

TEST_CASE("AnIndexWithoutShardsGivesItsTotals") {
    const TemporaryFolder folder("totals");
    const auto total = [&](const std::string& metadata) {
        folder.write("model.safetensors.index.json",
                     R"({"metadata":)" + metadata + R"(,"weight_map":{"a":"m.safetensors"}})");
        return loaded(folder.root());
    };
    CHECK(total(R"({"total_parameters": 1000, "total_size": 2000})").stored_parameters == 1000);
    CHECK(total(R"({"total_size": 2000.0})").stored_parameters == 1000);
    const auto wrong = total(R"({"total_parameters": 10, "total_size": 2000})");
    CHECK(wrong.stored_parameters == 1000);
    CHECK(noted(wrong, "which cannot be"));
    CHECK(total("{}").stored_parameters == 0);
    folder.write("config.json", kTinyConfig);
    CHECK(total(R"({"total_size": 2000})").spec->layers == 2);
    CHECK_THROWS_AS(total(R"({"total_size": -1})"), InputError);
}

TEST_CASE("AnIndexMayOnlyNameFilesBesideIt") {
    const TemporaryFolder folder("escape");
    for (const auto* name : {"../x.safetensors", "/etc/passwd", "a/b.safetensors", "..", ""}) {
        Json index;
        index["weight_map"]["a"] = name;
        folder.write("model.safetensors.index.json", index.dump());
        CHECK_THROWS_WITH(loaded(folder.root()), Contains("beside the index"));
    }
}

TEST_CASE("AnInlineModelDocumentIsRead") {
    const TemporaryFolder folder("inline");
    const auto spec = *load_model("openai-community/gpt2", kProfiles).spec;
    folder.write("mine.json", to_json(spec).dump());
    const auto source = loaded(folder.path("mine.json"));
    CHECK(source.origin == "inline");
    CHECK(*source.spec == spec);
}

TEST_CASE("ADashReadsStandardInput") {
    const auto piped = [](const std::string& text) {
        std::istringstream in(text);
        auto* const before = std::cin.rdbuf(in.rdbuf());
        std::cin.clear();
        auto source = load_model("-", kProfiles);
        std::cin.rdbuf(before);
        return source;
    };
    CHECK(piped(kTinyConfig).spec->layers == 2);
    const auto index =
        piped(R"({"metadata":{"total_parameters":7},"weight_map":{"a":"m.safetensors"}})");
    CHECK(index.stored_parameters == 7);
    CHECK_FALSE(index.spec);
}

TEST_CASE("UnusableFilesAreRefusedWithOneSentence") {
    const TemporaryFolder folder("unusable");
    CHECK_THROWS_WITH(loaded(folder.root()), Contains("holds none of"));
    folder.write("cut.json", kTinyConfig.substr(0, 40));
    CHECK_THROWS_WITH(loaded(folder.path("cut.json")), Contains("not valid JSON"));
    folder.write("list.json", "[1, 2]");
    CHECK_THROWS_WITH(loaded(folder.path("list.json")), Contains("must be an object"));
    folder.write("large.json", "{");
    std::filesystem::resize_file(folder.path("large.json"), 100U << 20U);
    CHECK_THROWS_WITH(loaded(folder.path("large.json")), Contains("larger than the limit"));
    folder.write("cut.safetensors", with_length("{\"a\"", 400));
    CHECK_THROWS_WITH(loaded(folder.path("cut.safetensors")), Contains("but is 12 bytes long"));
}
