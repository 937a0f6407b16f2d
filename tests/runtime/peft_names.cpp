#include "runtime/data/peft_names.h"

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "planner/base/error.h"
#include "planner/base/json.h"
#include "runtime/data/stored_order.h"
#include "tests/runtime/oracle_files.h"
#include "tests/support/catch.h"

using namespace headroom;
using namespace headroom::test;

TEST_CASE("AdaptersHaveTheNamesThatPeftGivesThem") {
    struct Row {
        std::string base;
        std::string folder;
        AdapterKind kind;
    };
    const std::vector<Row> rows{{"llama", "llama-lora", AdapterKind::lora},
                                {"llama", "llama-dora", AdapterKind::dora},
                                {"qwen2", "qwen2-dora", AdapterKind::dora},
                                {"gpt2", "gpt2-lora", AdapterKind::lora}};
    for (const auto& [base, name, kind] : rows) {
        INFO(name);
        const ModelSpec model = oracle_model(base);
        const Json config = read_json_file(kOracle / name / "adapter_config.json");
        PlanRequest request = oracle_request(model);
        request.adapter = adapter_from_config(JsonCursor(config, "config"), model);
        CHECK(request.adapter.kind == kind);
        CHECK(request.adapter.rank == 4);
        CHECK(request.adapter.alpha == 8.0);
        request.train.goal = Goal::adapt;
        const StepGraph graph = graph_of(request);
        const WeightFiles files(kOracle / name);
        const auto sources = adapter_sources(graph, model);
        std::set<std::string> named;
        for (const auto& source : sources) {
            const auto& piece = source.pieces.front();
            named.insert(piece.tensor);
            INFO(piece.tensor);
            const StoredWeight* found = files.find(piece.tensor);
            REQUIRE(found != nullptr);
            CHECK(found->tensor->shape == stored_shape(piece));
        }
        CHECK(named.size() == files.all().size());
        // What we write says the same as what PEFT wrote.
        const Json ours = adapter_config(request.adapter, model, base);
        for (const auto& [key, value] : ours.items()) {
            INFO(key);
            CHECK(value == config.at(key));
        }
    }
}

TEST_CASE("AnAdapterOnSomeLayersNamesThemWithoutAmbiguity") {
    const ModelSpec model = oracle_model("gpt2");
    AdapterSpec adapter{.kind = AdapterKind::lora, .targets = {"o_proj"}};
    CHECK(adapter_config(adapter, model, "x").at("target_modules") == Json{"attn.c_proj"});
    adapter.targets = {"o_proj", "down_proj"};
    CHECK(adapter_config(adapter, model, "x").at("target_modules") == Json{"c_proj"});
    CHECK(adapter_config(adapter, model, "x").at("fan_in_fan_out") == true);
    const auto read = [&](const Json& change) {
        Json config{{"peft_type", "LORA"}, {"target_modules", {"attn.c_proj"}}};
        config.update(change);
        return adapter_from_config(JsonCursor(config, "c"), model);
    };
    CHECK(read(Json::object()).targets == std::vector<std::string>{"o_proj"});
    CHECK(sentence([&] {
              read({{"target_modules", {"q_proj"}}});
          }) == "c/target_modules/0: is \"q_proj\", no linear layer of this model");
    CHECK(sentence([&] {
              read({{"use_rslora", true}});
          }) == "c/use_rslora: is true, which has no counterpart here");
    CHECK(sentence([&] {
              read({{"peft_type", "IA3"}});
          }) == "c/peft_type: is \"IA3\", only LORA is read");
}

TEST_CASE("MergedAdaptersAreWhatPeftMerges") {
    for (const std::string name : {"llama-lora", "llama-dora", "gpt2-lora"}) {
        INFO(name);
        const auto base = name.substr(0, name.find('-'));
        const WeightFiles weights(kOracle / base);
        const WeightFiles adapter(kOracle / name);
        const WeightFiles oracle(kOracle / name / "oracle.safetensors");
        int compared = 0;
        for (const auto& [tensor, found] : oracle.all()) {
            if (!tensor.starts_with("merged/")) continue;
            const auto module = tensor.substr(7, tensor.size() - 7 - std::strlen(".weight"));
            INFO(module);
            auto ours = floats_of(weights, module + ".weight");
            const auto at = "base_model.model." + module;
            const auto a = floats_of(adapter, at + ".lora_A.weight");
            const auto b = floats_of(adapter, at + ".lora_B.weight");
            const auto expected = floats_of(oracle, tensor);
            // Conv1D keeps its matrices transposed: B and A change places with each other.
            const bool turned = base == "gpt2";
            const WeightPiece piece{
                .shape = {static_cast<std::int64_t>(b.size() / 4),
                          static_cast<std::int64_t>(a.size() / 4)},
                .layout = turned ? StoredLayout::transposed : StoredLayout::plain};
            auto turn = [&](const std::vector<float>& values) {
                std::vector<float> out(values.size());
                from_stored_order(piece, {}, 4, bytes_in(values),
                                  std::as_writable_bytes(std::span(out)));
                return out;
            };
            auto merged = turn(ours);
            if (name == "llama-dora") {
                merge_dora(merged, a, b, floats_of(adapter, at + ".lora_magnitude_vector"), 4, 2.0);
            } else {
                merge_lora(merged, a, b, 4, 2.0);
            }
            const auto wanted = turn(expected);
            for (std::size_t i = 0; i < merged.size(); ++i)
                CHECK(merged[i] == Approx(wanted[i]).epsilon(1e-5).margin(1e-6));
            ++compared;
        }
        CHECK(compared >= 1);
    }
    std::vector<float> wrong(5);
    CHECK_THROWS_AS(merge_lora(wrong, std::vector<float>(2), std::vector<float>(2), 1, 1.0),
                    InternalError);
}
