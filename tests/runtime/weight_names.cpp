#include "runtime/data/weight_names.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "planner/lower/lower.h"
#include "runtime/data/convert.h"
#include "runtime/data/safetensors_writer.h"
#include "runtime/data/stored_order.h"
#include "runtime/data/weight_transfer.h"
#include "tests/import/safetensors_bytes.h"
#include "tests/runtime/oracle_files.h"
#include "tests/support/catch.h"

using namespace headroom;
using namespace headroom::test;

namespace {

/// Folders of golden/oracle that hold a model as transformers saves it, one for every family.
const std::vector<std::string> kModels{
    "llama",  "qwen2",  "qwen3",      "gemma",   "gpt2",      "mistral",  "gemma2",
    "gemma3", "phi3",   "olmo2",      "granite", "gpt_neox",  "opt",      "opt-post",
    "bloom",  "falcon", "falcon-new", "mixtral", "qwen2_moe", "qwen3_moe"};

std::map<std::string, std::vector<std::string>> tensors_by_label(
    const StepGraph& graph, const std::vector<WeightSource>& sources) {
    std::map<std::string, std::vector<std::string>> out;
    for (const auto& source : sources) {
        for (const auto& piece : source.pieces)
            out[to_string(graph[source.parameter].label)].push_back(piece.tensor);
    }
    return out;
}

using Numbers = std::map<std::int32_t, std::vector<float>>;

/// All parameters of a graph as f32, read from files.
Numbers read_all(const StepGraph& graph, const std::vector<WeightSource>& sources,
                 const AttentionSpec& attention, const WeightFiles& files) {
    Numbers out;
    for (const auto& source : sources) {
        const Tensor& tensor = graph[source.parameter];
        auto& values = out[source.parameter.index];
        values.resize(static_cast<std::size_t>(numel(tensor.shape)));
        read_weight(source, {tensor.shape, DType::f32}, attention, files,
                    std::as_writable_bytes(std::span(values)));
    }
    return out;
}

}  // namespace

TEST_CASE("EveryTensorThatTransformersSavesHasItsParameter") {
    for (const auto& name : kModels) {
        INFO(name);
        const ModelSpec model = oracle_model(name);
        const StepGraph graph = graph_of(oracle_request(model));
        const WeightFiles files(kOracle / name);
        const auto sources = weight_sources(graph, model, stored_names(files));
        CHECK(sentence([&] { check_weights(sources, graph, model, files); }) == "no error");
        std::set<std::string> named;
        for (const auto& source : sources) {
            std::int64_t filled = 0;
            for (const auto& piece : source.pieces) {
                CHECK(named.insert(piece.tensor).second);
                CHECK(piece.first == filled);
                filled += numel(piece.shape);
            }
            CHECK(filled == numel(graph[source.parameter].shape));
        }
        for (const auto& [tensor, weight] : files.all()) {
            INFO(tensor);
            CHECK(
                (named.contains(tensor) || (model.tied_embeddings && tensor == "lm_head.weight")));
        }
        // Without a file to look at, the usual names are the same.
        const auto usual = weight_sources(graph, model);
        for (std::size_t i = 0; i < sources.size(); ++i) {
            CHECK(usual[i].pieces == sources[i].pieces);
        }
    }
}

TEST_CASE("WeightsWrittenAsAFileAreTheFileTheyCameFrom") {
    const TemporaryFolder folder("round");
    for (const auto& name : kModels) {
        INFO(name);
        const ModelSpec model = oracle_model(name);
        const StepGraph graph = graph_of(oracle_request(model));
        const WeightFiles files(kOracle / name);
        const auto sources = weight_sources(graph, model, stored_names(files));
        const auto numbers = read_all(graph, sources, model.attention, files);
        const auto path = folder.path(name + ".safetensors");
        const DType stored = *dtype_stored_as(files.all().begin()->second.tensor->dtype);
        write_weights(path, sources, graph, model.attention, stored,
                      [&](TensorId id) { return bytes_in(numbers.at(id.index)); });
        const WeightFiles again(path);
        CHECK(again.all().size() == files.all().size());
        for (const auto& [tensor, weight] : again.all()) {
            INFO(tensor);
            const StoredWeight* old = files.find(tensor);
            REQUIRE(old != nullptr);
            CHECK(old->tensor->shape == weight.tensor->shape);
            const auto a = old->file->bytes(*old->tensor);
            const auto b = weight.file->bytes(*weight.tensor);
            CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
        }
    }
}

TEST_CASE("FamiliesCallTheirTensorsWhatTheyAreCalled") {
    const auto names = [](const std::string& folder) {
        const ModelSpec model = oracle_model(folder);
        const StepGraph graph = graph_of(oracle_request(model));
        return tensors_by_label(graph, weight_sources(graph, model));
    };
    const auto llama = names("llama");
    CHECK(llama.at("layers.1.attn.q_proj.weight").front() ==
          "model.layers.1.self_attn.q_proj.weight");
    CHECK(llama.at("final_norm.weight").front() == "model.norm.weight");
    CHECK(llama.at("lm_head.weight").front() == "lm_head.weight");
    const auto gemma2 = names("gemma2");
    CHECK(gemma2.at("layers.0.post_attention_norm.weight").front() ==
          "model.layers.0.pre_feedforward_layernorm.weight");
    CHECK(gemma2.at("layers.0.attn_output_norm.weight").front() ==
          "model.layers.0.post_attention_layernorm.weight");
    const auto gpt2 = names("gpt2");
    CHECK(gpt2.at("layers.0.attn.qkv_proj.bias").front() == "transformer.h.0.attn.c_attn.bias");
    CHECK(gpt2.at("layers.0.input_norm.bias").front() == "transformer.h.0.ln_1.bias");
    const auto mixtral = names("mixtral");
    const auto& up = mixtral.at("layers.1.moe.experts.up.weight");
    REQUIRE(up.size() == 8);
    CHECK(up[0] == "model.layers.1.block_sparse_moe.experts.0.w1.weight");
    CHECK(up[1] == "model.layers.1.block_sparse_moe.experts.0.w3.weight");
    CHECK(up[6] == "model.layers.1.block_sparse_moe.experts.3.w1.weight");
}

TEST_CASE("Gpt2FilesWithoutAPrefixAreRead") {
    const TemporaryFolder folder("bare");
    const ModelSpec model = oracle_model("gpt2");
    const StepGraph graph = graph_of(oracle_request(model));
    const WeightFiles files(kOracle / "gpt2");
    auto sources = weight_sources(graph, model);
    const auto numbers = read_all(graph, sources, model.attention, files);
    for (auto& source : sources) {
        for (auto& piece : source.pieces) piece.tensor = piece.tensor.substr(12);
    }
    const auto path = folder.path("model.safetensors");
    write_weights(path, sources, graph, model.attention, DType::f32,
                  [&](TensorId id) { return bytes_in(numbers.at(id.index)); });
    const WeightFiles bare(path);
    REQUIRE(bare.find("h.0.ln_1.weight") != nullptr);
    const auto found = weight_sources(graph, model, stored_names(bare));
    CHECK_NOTHROW(check_weights(found, graph, model, bare));
    CHECK(read_all(graph, found, model.attention, bare) == numbers);
}

TEST_CASE("FusedRowsGroupedByHeadAreSorted") {
    // Two key/value heads with two query heads each, two rows a head.
    const AttentionSpec attention{.heads = 4, .kv_heads = 2, .head_dim = 2};
    const WeightPiece piece{.shape = {16}, .layout = StoredLayout::grouped};
    // In the file: queries 0 and 1, key 0, value 0, then queries 2 and 3, key 1, value 1.
    const std::vector<float> stored{0,  1,  10, 11, 100, 101, 200, 201,
                                    20, 21, 30, 31, 110, 111, 210, 211};
    const std::vector<float> ours{0,   1,   10,  11,  20,  21,  30,  31,
                                  100, 101, 110, 111, 200, 201, 210, 211};
    std::vector<float> out(16);
    from_stored_order(piece, attention, 4, bytes_in(stored),
                      std::as_writable_bytes(std::span(out)));
    CHECK(out == ours);
    to_stored_order(piece, attention, 4, bytes_in(ours), std::as_writable_bytes(std::span(out)));
    CHECK(out == stored);
}

TEST_CASE("TransposedMatricesAreTurned") {
    const WeightPiece piece{.shape = {2, 3}, .layout = StoredLayout::transposed};
    CHECK(stored_shape(piece) == std::vector<std::int64_t>{3, 2});
    const std::vector<float> stored{1, 4, 2, 5, 3, 6};
    std::vector<float> out(6);
    from_stored_order(piece, {}, 4, bytes_in(stored), std::as_writable_bytes(std::span(out)));
    CHECK(out == std::vector<float>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("WhatDoesNotFitIsNamedInOneSentence") {
    const TemporaryFolder folder("wrong");
    const ModelSpec model = oracle_model("llama");
    const StepGraph graph = graph_of(oracle_request(model));
    const WeightFiles files(kOracle / "llama");
    const auto sources = weight_sources(graph, model);
    const auto path = folder.path("model.safetensors");
    const auto says = [&](const auto& change) {
        std::vector<TensorEntry> entries;
        for (const auto& [name, weight] : files.all())
            entries.push_back({name, DType::bf16, weight.tensor->shape});
        change(entries);
        SafetensorsWriter writer(path, entries);
        const std::vector<std::byte> zeros(static_cast<std::size_t>(writer.size()));
        std::int64_t bytes = 0;
        for (const auto& entry : entries) {
            std::int64_t count = 1;
            for (const auto extent : entry.shape) count *= extent;
            bytes += bytes_of(count, entry.dtype);
        }
        writer.write(std::span(zeros).first(static_cast<std::size_t>(bytes)));
        writer.finish();
        const WeightFiles changed(path);
        const auto said = sentence([&] { check_weights(sources, graph, model, changed); });
        return said.starts_with(path.string()) ? said.substr(path.string().size()) : said;
    };
    using Entries = std::vector<TensorEntry>;
    const auto entry = [](Entries& entries, const std::string& name) -> TensorEntry& {
        return *std::ranges::find(entries, name, &TensorEntry::name);
    };
    const std::string norm = "model.layers.1.input_layernorm.weight";
    CHECK(says([&](Entries& list) {
              std::erase_if(list, [&](auto& e) { return e.name == norm; });
          }) ==
          ": lacks \"model.layers.1.input_layernorm.weight\", which holds "
          "layers.1.input_norm.weight");
    CHECK(says([&](Entries& list) { entry(list, norm).shape = {25}; }) ==
          ": \"model.layers.1.input_layernorm.weight\" has the shape (25), the model needs (24)");
    CHECK(says([&](Entries& list) { entry(list, norm).dtype = DType::u8; }) ==
          ": \"model.layers.1.input_layernorm.weight\" is stored as U8; weights are read from "
          "F64, F32, F16 and BF16");
    CHECK(says([&](Entries& list) {
              list.push_back({"model.layers.0.extra", DType::f32, {2, 3}});
          }) ==
          ": holds \"model.layers.0.extra\" (2, 3), which a llama of 2 layers has no place for");
    CHECK(says([&](Entries& list) {
              list.push_back({"model.layers.2.mlp.up_proj.weight", DType::f32, {2}});
          }).starts_with(": holds \"model.layers.2.mlp.up_proj.weight\""));
    CHECK(says([&](Entries& list) {
              list.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", DType::f32, {4}});
          }) == "no error");
}

TEST_CASE("AFamilyWithoutNamesIsRefused") {
    const ModelSpec model = preset("t5-small");
    CHECK(sentence([&] {
              weight_sources(StepGraph{}, model);
          }).starts_with("files of the family \"t5\" are not read or written; known are bloom, "));
}

TEST_CASE("AStageTakesItsLayersAndLeavesTheOthers") {
    ModelSpec model = oracle_model("qwen2");
    PlanRequest request = oracle_request(model);
    request.layout.pipeline = 2;
    request.hardware.gpus = 2;
    const WeightFiles files(kOracle / "qwen2");
    for (std::int64_t stage = 0; stage < 2; ++stage) {
        const StepGraph graph = lower(request, stage_of(request, stage)).graph;
        const auto sources = weight_sources(graph, model, stored_names(files));
        CHECK(sentence([&] { check_weights(sources, graph, model, files); }) == "no error");
        const auto names = tensors_by_label(graph, sources);
        CHECK(names.contains(stage == 0 ? "embed_tokens.weight" : "final_norm.weight"));
        // The last stage has a copy of the tied table, under its one name.
        if (stage == 1) CHECK(names.at("lm_head.weight").front() == "model.embed_tokens.weight");
    }
}
