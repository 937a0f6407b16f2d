#include <array>
#include <cstdlib>
#include <filesystem>

#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "planner/import/model_source.h"
#include "planner/plan/plan_json.h"
#include "tests/support/catch.h"
#include "tests/support/requests.h"

using namespace headroom;

namespace {

Library library() {
    Library out{.profiles_root = HEADROOM_PROFILES,
                .hardware = HardwareCatalog::load(HEADROOM_PROFILES)};
    out.model = [](const std::string& name, const std::string&) { return test::preset(name); };
    return out;
}

struct Recipe {
    const char* name;
    const char* request;
};

/// One recipe of every kind that a release must not change unnoticed.
constexpr std::array kGoldenRecipes{
    Recipe{"gpt2-one-gpu", R"({"model": "openai-community/gpt2",
        "hardware": {"gpu": "a100-40gb", "gpus": 1}, "train": {"sequence": 1024, "micro_batch": 8}})"},
    Recipe{"llama-8b-fsdp", R"({"model": "meta-llama/Llama-3.1-8B",
        "hardware": {"gpu": "h100", "gpus": 8}, "train": {"accumulation": 4},
        "layout": {"zero": 3}, "techniques": [{"id": "recompute", "mode": "layer"}]})"},
    Recipe{"llama-8b-lora", R"({"model": "meta-llama/Llama-3.1-8B",
        "hardware": {"gpu": "rtx-4090", "gpus": 1}, "train": {"goal": "adapt", "sequence": 2048},
        "techniques": [{"id": "lora", "rank": 16}, {"id": "recompute", "mode": "layer"}]})"},
    Recipe{"llama-70b-qlora", R"({"model": "meta-llama/Llama-3.1-70B",
        "hardware": {"gpu": "rtx-a6000", "gpus": 1}, "train": {"goal": "adapt", "sequence": 512},
        "techniques": [{"id": "qlora", "rank": 64}, {"id": "recompute", "mode": "layer"}]})"},
    Recipe{"llama-70b-3d", R"({"model": "meta-llama/Llama-3.1-70B",
        "hardware": {"gpu": "h100", "gpus": 64}, "train": {"accumulation": 16},
        "layout": {"tensor": 8, "sequence_parallel": true, "pipeline": 4, "zero": 1}})"},
    Recipe{"llama-405b-interleaved", R"({"model": "meta-llama/Llama-3.1-405B",
        "hardware": {"gpu": "h100", "gpus": 1024}, "train": {"accumulation": 16, "tokens": 15000000000000},
        "layout": {"tensor": 8, "sequence_parallel": true, "pipeline": 16, "schedule": "interleaved",
                   "interleave": 2, "zero": 1}})"},
    Recipe{"mixtral-expert-parallel", R"({"model": "mistralai/Mixtral-8x7B-v0.1",
        "hardware": {"gpu": "h200", "gpus": 16}, "layout": {"expert": 8, "zero": 1},
        "techniques": [{"id": "recompute", "mode": "selective"}]})"},
    Recipe{"deepseek-v3", R"({"model": "deepseek-ai/DeepSeek-V3",
        "hardware": {"gpu": "h800", "gpus": 2048}, "train": {"accumulation": 32},
        "layout": {"pipeline": 16, "expert": 64, "zero": 1}})"},
    Recipe{"opt-13b-offload", R"({"model": "facebook/opt-13b",
        "hardware": {"gpu": "v100-32gb", "gpus": 1, "node": "dgx-2"},
        "train": {"compute": "fp16", "gradient": "fp16", "sequence": 1024},
        "techniques": [{"id": "offload", "optimizer": "cpu"}, {"id": "recompute", "mode": "layer"}]})"},
    Recipe{"llama-1b-taught", R"({"model": "meta-llama/Llama-3.2-1B",
        "hardware": {"gpu": "h100", "gpus": 8}, "train": {"goal": "finetune", "sequence": 2048, "micro_batch": 4},
        "layout": {"zero": 3},
        "techniques": [{"id": "distillation", "teacher": "meta-llama/Llama-3.1-8B", "temperature": 4}]})"},
    Recipe{"t5-base-ddp", R"({"model": "google-t5/t5-base",
        "hardware": {"gpu": "a100", "gpus": 4}, "train": {"sequence": 512, "micro_batch": 16,
        "loss": "unfused", "attention": "eager", "dropout": 0.1}})"},
    Recipe{"llama-8b-long-context", R"({"model": "meta-llama/Llama-3.1-8B",
        "hardware": {"gpu": "h200", "gpus": 8}, "train": {"sequence": 131072},
        "layout": {"context": 8, "zero": 3},
        "techniques": [{"id": "recompute", "mode": "layer"}, {"id": "offload", "activations": true}]})"},
};

}  // namespace

/// HEADROOM_UPDATE_GOLDEN=1 writes the files anew; the difference is then for review.
TEST_CASE("PlansAreWhatTheyWereAtTheLastReview") {
    const Library known = library();
    const bool update = std::getenv("HEADROOM_UPDATE_GOLDEN") != nullptr;
    for (const auto& recipe : kGoldenRecipes) {
        INFO(recipe.name);
        const Json request = parse_json(recipe.request, recipe.name);
        const Plan plan = predict(request_from_json(JsonCursor(request, ""), known));
        const std::string text = to_json(plan).dump(2) + "\n";
        const std::filesystem::path file = std::filesystem::path(HEADROOM_TEST_DATA) / "golden" /
                                           (std::string(recipe.name) + ".json");
        if (update) write_file_atomically(file, text);
        CHECK(read_text_file(file) == text);
    }
}
