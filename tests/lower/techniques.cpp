#include <functional>

#include "planner/lower/lower.h"
#include "planner/step/lifetime.h"
#include "tests/support/catch.h"
#include "tests/support/requests.h"

using namespace headroom;
using namespace headroom::test;

namespace {

struct Row {
    const char* name;
    std::function<void(PlanRequest&)> edit;
};

const std::vector<Row>& rows() {
    static const std::vector<Row> kRows{
        {"plain", [](auto&) {}},
        {"layer", [](auto& r) { r.recompute.mode = RecomputeMode::layer; }},
        {"every 2",
         [](auto& r) {
             r.recompute = {RecomputeMode::every, 2, {}};
         }},
        {"all", [](auto& r) { r.recompute.mode = RecomputeMode::all; }},
        {"selective",
         [](auto& r) {
             r.recompute = {RecomputeMode::selective, 1, {true, true, true}};
         }},
        {"eager",
         [](auto& r) {
             r.train.attention = AttentionImpl::eager;
             r.train.dropout = 0.1;
         }},
        {"fused loss", [](auto& r) { r.train.loss = LossKind::fused; }},
        {"unfused loss", [](auto& r) { r.train.loss = LossKind::unfused; }},
        {"accumulate", [](auto& r) { r.train.accumulation = 4; }},
        {"tp2", [](auto& r) { r.layout.tensor = 2; }},
        {"tp2 sp",
         [](auto& r) {
             r.layout.tensor = 2;
             r.layout.sequence_parallel = true;
         }},
        {"tp4 sp layer",
         [](auto& r) {
             r.layout.tensor = 4;
             r.layout.sequence_parallel = true;
             r.recompute.mode = RecomputeMode::layer;
         }},
        {"cp2", [](auto& r) { r.layout.context = 2; }},
        {"ulysses",
         [](auto& r) {
             r.layout.context = 2;
             r.layout.context_kind = ContextKind::ulysses;
         }},
        {"ddp", [](auto& r) { r.layout.data = 4; }},
        {"zero1",
         [](auto& r) {
             r.layout.data = 4;
             r.layout.zero = 1;
         }},
        {"zero2",
         [](auto& r) {
             r.layout.data = 4;
             r.layout.zero = 2;
             r.train.accumulation = 2;
         }},
        {"zero3",
         [](auto& r) {
             r.layout.data = 4;
             r.layout.zero = 3;
         }},
        {"zero3 sync",
         [](auto& r) {
             r.layout.data = 4;
             r.layout.zero = 3;
             r.layout.prefetch = 0;
         }},
        {"zero3 layer",
         [](auto& r) {
             r.layout.data = 4;
             r.layout.zero = 3;
             r.recompute.mode = RecomputeMode::layer;
         }},
        {"hsdp",
         [](auto& r) {
             r.layout.data = 8;
             r.layout.zero = 3;
             r.layout.shard = 4;
         }},
        {"offload opt",
         [](auto& r) {
             r.offload.optimizer = Tier::cpu;
             r.train.accumulation = 2;
         }},
        {"offload opt nvme", [](auto& r) { r.offload.optimizer = Tier::nvme; }},
        {"offload opt zero2",
         [](auto& r) {
             r.offload.optimizer = Tier::cpu;
             r.layout.data = 4;
             r.layout.zero = 2;
         }},
        {"offload all",
         [](auto& r) {
             r.offload = {Tier::nvme, Tier::nvme, true};
             r.layout.data = 2;
             r.layout.zero = 3;
             r.recompute.mode = RecomputeMode::layer;
         }},
        {"offload act",
         [](auto& r) {
             r.offload.activations = true;
             r.train.micro_batch = 32;
         }},
        {"lora",
         [](auto& r) {
             r.adapter.kind = AdapterKind::lora;
             r.adapter.dropout = 0.05;
         }},
        {"lora zero3 tp2",
         [](auto& r) {
             r.adapter.kind = AdapterKind::lora;
             r.layout.tensor = 2;
             r.layout.data = 2;
             r.layout.zero = 3;
             r.layout.sequence_parallel = true;
         }},
        {"qlora",
         [](auto& r) {
             r.adapter.kind = AdapterKind::qlora;
             r.recompute.mode = RecomputeMode::layer;
         }},
        {"qlora tp",
         [](auto& r) {
             r.adapter.kind = AdapterKind::qlora;
             r.layout.tensor = 2;
         }},
        {"dora",
         [](auto& r) {
             r.adapter.kind = AdapterKind::dora;
             r.adapter.targets = {"q_proj", "down_proj", "qkv_proj"};
         }},
        {"adam8", [](auto& r) { r.train.optimizer = OptimizerKind::adamw8bit; }},
        {"fp32", [](auto& r) { r.train.compute = r.train.gradient = DType::f32; }},
    };
    return kRows;
}

std::vector<ModelSpec> models() {
    std::vector<ModelSpec> out;
    out.push_back(small_llama());
    for (const char* id :
         {"openai-community/gpt2", "EleutherAI/pythia-70m", "facebook/opt-350m", "tiiuae/falcon-7b",
          "google/gemma-2-2b", "allenai/OLMo-2-1124-7B", "google-bert/bert-base-uncased",
          "google-t5/t5-small", "google/switch-base-8", "mistralai/Mixtral-8x7B-v0.1",
          "Qwen/Qwen3-0.6B", "Qwen/Qwen1.5-MoE-A2.7B", "openai/gpt-oss-20b",
          "deepseek-ai/DeepSeek-V3", "bigscience/bloom-560m", "microsoft/Phi-3-mini-4k-instruct"}) {
        out.push_back(preset(id));
    }
    return out;
}

}  // namespace

TEST_CASE("EveryTechniqueLowersToAVerifiedStepOnEveryFamily") {
    for (const auto& model : models()) {
        for (const auto& row : rows()) {
            PlanRequest request = request_for(model);
            row.edit(request);
            if (model.attention.heads % request.layout.tensor != 0) continue;
            INFO(model.name << ": " << row.name);
            CHECK_NOTHROW(lower(request, stage_of(request, 0)));
        }
    }
}

TEST_CASE("EveryPipelineStageLowersToAVerifiedStep") {
    for (const auto mode : {RecomputeMode::none, RecomputeMode::layer}) {
        for (std::int64_t stage = 0; stage < 4; ++stage) {
            PlanRequest request = request_for(small_llama(10));
            request.layout.pipeline = 4;
            request.layout.zero = 1;
            request.layout.data = 2;
            request.train.accumulation = 8;
            request.recompute.mode = mode;
            const Lowering lowering = lower(request, stage_of(request, stage));
            CHECK(lowering.graph.ops.size() > 40);
        }
    }
}
