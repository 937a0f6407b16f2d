#include <array>

#include "planner/cli/claim.h"
#include "planner/cli/claims_subjects.h"

namespace headroom::claims {
namespace {

constexpr const char* kLora = "LoRA, Hu et al. 2021";
constexpr const char* kQlora = "QLoRA, Dettmers et al. 2023";
constexpr const char* kGpu = "a100-sxm4-80gb";

PlanRequest gpt3(const Library& library) {
    const GptShape shape{.layers = 96, .hidden = 12288, .heads = 96, .positions = 2048};
    auto request = request_on(library, gpt(shape), kGpu);
    request.train.goal = Goal::finetune;
    use_fp16(request);
    return request;
}

PlanRequest gpt3_with_lora(const Library& library) {
    auto request = gpt3(library);
    request.train.goal = Goal::adapt;
    request.adapter.kind = AdapterKind::lora;
    request.adapter.rank = 4;
    request.adapter.targets = {"q_proj", "v_proj"};
    return request;
}

double fewer_trained(const Library& library) {
    const auto request = gpt3_with_lora(library);
    return parameters(request.model) / trainable(request);
}

double full_states(const Library& library) { return states(profile_of(gpt3(library))) / 1e12; }
double lora_states(const Library& library) {
    return states(profile_of(gpt3_with_lora(library))) / 1e9;
}
double full_checkpoint(const Library& library) { return base_weights(gpt3(library)) / 1e9; }
double lora_checkpoint(const Library& library) {
    return 2.0 * trainable(gpt3_with_lora(library)) / 1e6;
}

double lora_activations(const Library& library) {
    auto request = request_on(library, shipped(library, "meta-llama/Llama-2-7b-hf"), kGpu);
    request.train.sequence = 4096;
    const auto full = total(profile_of(request).kept);
    request.train.goal = Goal::adapt;
    request.adapter.kind = AdapterKind::lora;
    return total(profile_of(request).kept) / full;
}

ModelSpec llama_65b(const Library& library) {
    auto model = shipped(library, "meta-llama/Llama-2-70b-hf");
    model.name = "llama-65b";
    model.attention.kv_heads = model.attention.heads;
    model.ffn.width = 22016;
    return model;
}

double full_65b(const Library& library) {
    auto request = request_on(library, llama_65b(library), kGpu);
    request.train.goal = Goal::finetune;
    request.train.master = false;
    return states(profile_of(request)) / 1e9;
}

double qlora_65b(const Library& library) {
    auto request = request_on(library, llama_65b(library), "rtx-a6000");
    request.train.goal = Goal::adapt;
    request.train.sequence = 512;
    request.recompute.mode = RecomputeMode::layer;
    request.adapter.kind = AdapterKind::qlora;
    request.adapter.rank = 64;
    return in_gib(estimate_of(request).device);
}

constexpr const char* kGpt3 = "GPT-3's shape (96 layers of width 12,288) in fp16";
constexpr const char* kGpt3Lora =
    "GPT-3's shape in fp16, adapters of rank 4 on the query and value matrices";

constexpr std::array kClaims{
    Claim{"lora-trained", "fewer trained parameters, GPT-3 175B", kLora, Relation::about, 1e4, "x",
          0.1, fewer_trained, kGpt3Lora,
          "rank 4 on two matrices a layer; published as a round number"},
    Claim{"lora-full", "memory of full fine-tuning, GPT-3 175B", kLora, Relation::about, 1.2, "TB",
          0.1, full_states, kGpt3,
          "the published figure is about 7 bytes a parameter and does not say which; fp16 weights "
          "and gradients with fp32 master and moments are 16"},
    Claim{"lora-memory", "memory of fine-tuning with adapters, GPT-3 175B", kLora, Relation::about,
          350.0, "GB", 0.02, lora_states, kGpt3Lora,
          "the frozen 16-bit weights; adapters with all their states are a thousandth of that"},
    Claim{"lora-full-checkpoint", "checkpoint of GPT-3 175B", kLora, Relation::about, 350.0, "GB",
          0.01, full_checkpoint, kGpt3, "two bytes a parameter"},
    Claim{"lora-checkpoint", "checkpoint of the adapters", kLora, Relation::about, 35.0, "MB", 0.1,
          lora_checkpoint, kGpt3Lora,
          "two bytes a trained parameter; the published figure is rounded"},
    Claim{"lora-activations", "activations with adapters over those of full fine-tuning",
          "the article, on what adapters do not cut", Relation::about, 1.0, "x", 0.15,
          lora_activations, "Llama-2-7B, adapters of rank 16 on every linear, one sequence of 4096",
          "adapters keep low-rank products instead of what only the frozen head needed; they do "
          "not cut activations"},
    Claim{"qlora-full", "states of 16-bit fine-tuning, 65B", kQlora, Relation::over, 780.0, "GB",
          0.0, full_65b, "LLaMA-65B's shape in bf16, AdamW without fp32 master",
          "12 bytes a parameter: 16-bit weights and gradients, fp32 moments, no master"},
    Claim{"qlora-memory", "device memory with 4-bit weights, 65B on one 48 GB GPU", kQlora,
          Relation::under, 48.0, "GiB", 0.0, qlora_65b,
          "LLaMA-65B's shape in NF4 with double quantization, adapters of rank 64 on every linear, "
          "paged optimizer, layers recomputed, one sequence of 512 on rtx-a6000",
          "weights in 4 bits, adapters with their gradients and the working memory; the optimizer "
          "lies in host memory"},
};

}  // namespace

ClaimGroup adapter_claims() { return {"LoRA and QLoRA", kClaims}; }

}  // namespace headroom::claims
