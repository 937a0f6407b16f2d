#include "planner/spec/plan_request.h"

#include "planner/spec/adapter_targets.h"
#include "planner/spec/knob.h"
#include "tests/spec/request_documents.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

struct Change {
    std::string_view name{};
    KnobValue value{};
};

const std::string kLlama = "meta-llama/Llama-3.1-8B";
const std::string kMixtral = "mistralai/Mixtral-8x7B-v0.1";

/// Settings on top of the defaults; the data degree takes the remaining GPUs.
PlanRequest changed(const std::string& model, std::int64_t gpus,
                    const std::vector<Change>& changes) {
    auto request = read_request(plain_document(model, gpus));
    for (const auto& [name, value] : changes) set(request, name, value);
    const auto& layout = request.layout;
    request.layout.data = gpus / (layout.tensor * layout.context * layout.pipeline);
    return request;
}

std::string refusal(const std::string& model, std::int64_t gpus,
                    const std::vector<Change>& changes) {
    return validation_error(changed(model, gpus, changes));
}

KnobValue count(std::int64_t value) { return value; }
KnobValue word(const char* value) { return std::string(value); }
KnobValue words_of(std::vector<std::string> value) { return value; }
const KnobValue kYes = true;

}  // namespace

TEST_CASE("EveryPresetIsALegalRequestOnOneGpu") {
    for (const auto& id : preset_ids(HEADROOM_PROFILES)) {
        CHECK(refusal(id, 1, {{"sequence", count(64)}}).empty());
    }
}

TEST_CASE("UsualLayoutsAreLegal") {
    CHECK(refusal(kLlama, 64,
                  {{"tensor", count(8)},
                   {"sequence_parallel", kYes},
                   {"pipeline", count(4)},
                   {"schedule", word("interleaved")},
                   {"interleave", count(2)},
                   {"accumulation", count(8)},
                   {"zero", count(1)}})
              .empty());
    CHECK(refusal(kLlama, 16,
                  {{"zero", count(3)},
                   {"shard", count(8)},
                   {"offload_optimizer", word("nvme")},
                   {"offload_parameters", word("nvme")}})
              .empty());
    CHECK(refusal(kLlama, 8,
                  {{"context", count(4)}, {"context_kind", word("ulysses")}, {"tensor", count(2)}})
              .empty());
    CHECK(refusal(kLlama, 32, {{"tensor", count(32)}}).empty());
    CHECK(refusal(kMixtral, 8, {{"expert", count(8)}, {"zero", count(1)}}).empty());
    CHECK(refusal(kLlama, 1,
                  {{"adapter", word("qlora")},
                   {"compute", word("fp16")},
                   {"gradient", word("fp32")},
                   {"offload_parameters", word("cpu")}})
              .empty());
}

TEST_CASE("TheWorldIsTheGpus") {
    auto request = changed(kLlama, 8, {{"tensor", count(2)}});
    request.layout.data = 2;
    CHECK(validation_error(request) ==
          "/layout/data: data 2 x tensor 2 x context 1 x pipeline 1 = 4 ranks, must be the 8 GPUs "
          "of /hardware/gpus");
    request.hardware.gpus = 0;
    CHECK(validation_error(request).starts_with("/hardware/gpus: is 0"));
}

TEST_CASE("EveryNumberStaysWithinItsLimits") {
    for (const auto& each : knobs()) {
        if (each.kind != KnobKind::integer) continue;
        for (const double outside : {each.low - 1, each.high + 1}) {
            auto request = changed(kLlama, 1, {});
            each.assign(request, static_cast<std::int64_t>(outside));
            INFO(each.name);
            CHECK(validation_error(request).starts_with(std::string(each.path) + ": is "));
        }
    }
    auto request = changed(kLlama, 1, {});
    request.hardware.usd_per_gpu_hour = Usd{-1.0};
    CHECK(validation_error(request).starts_with("/hardware/usd_per_gpu_hour: is -1"));
}

TEST_CASE("AMicroBatchHasATokenLimit") {
    CHECK(refusal(kLlama, 1, {{"sequence", count(1 << 17)}, {"micro_batch", count(1 << 14)}}) ==
          "/train/micro_batch: 16384 sequences of 131072 are 2147483648 tokens, the limit of a "
          "micro-batch is 2147483647");
    CHECK(refusal(kLlama, 1024,
                  {{"sequence", count(1 << 17)},
                   {"micro_batch", count(1 << 13)},
                   {"accumulation", count(1 << 24)}})
              .starts_with("/train/accumulation: 16777216 makes a step of 1.8e+19 tokens"));
}

TEST_CASE("PrecisionsFitEachOtherAndTheGpu") {
    CHECK(refusal(kLlama, 1, {{"gradient", word("fp16")}}) ==
          "/train/gradient: is fp16, must be fp32 or the compute dtype bf16");
    auto request = changed(kLlama, 1, {});
    request.hardware.profile = shipped_hardware().gpu("v100-sxm2-32gb", "");
    CHECK(validation_error(request) ==
          "/train/compute: is bf16, but GPU \"v100-sxm2-32gb\" has no "
          "bf16 matrix rate; it has fp32, fp16");
}

TEST_CASE("LearnedPositionsLimitTheSequenceAndRotaryOnesDoNot") {
    CHECK(refusal("gpt2", 1, {{"sequence", count(2048)}}) ==
          "/train/sequence: is 2048, the model has 1024 learned positions");
    CHECK(refusal("facebook/opt-1.3b", 1, {{"sequence", count(2050)}}) ==
          "/train/sequence: is 2050, the model has 2048 learned positions");
    CHECK(refusal(kLlama, 1, {{"sequence", count(1 << 20)}}).empty());
}

TEST_CASE("TensorParallelismDividesHeadsWidthsAndVocabulary") {
    CHECK(refusal(kLlama, 6, {{"tensor", count(6)}}) ==
          "/layout/tensor: 6 does not divide 32 attention heads");
    auto request = changed(kLlama, 4, {{"tensor", count(4)}});
    request.model.attention.heads = 12;
    request.model.attention.kv_heads = 6;
    CHECK(validation_error(request) ==
          "/layout/tensor: 4 neither divides 6 key/value heads nor is "
          "a multiple of them");
    request = changed(kLlama, 4, {{"tensor", count(4)}});
    request.model.ffn.width = 14334;
    CHECK(validation_error(request) ==
          "/layout/tensor: 4 does not divide 14334 columns of the feed-forward layer");
    CHECK(refusal("gpt2", 2, {{"sequence", count(1024)}, {"tensor", count(2)}}) ==
          "/layout/tensor: 2 does not divide the vocabulary of 50257; pad it to 50258");
    CHECK(refusal(kLlama, 1, {{"sequence_parallel", kYes}}) ==
          "/layout/sequence_parallel: is true, but needs a tensor degree above 1");
}

TEST_CASE("ContextParallelismDividesTheSequence") {
    CHECK(refusal(kLlama, 8, {{"sequence", count(4092)}, {"context", count(8)}}) ==
          "/train/sequence: 4092 does not divide into 8 equal parts");
    CHECK(refusal(kLlama, 16,
                  {{"sequence", count(4104)},
                   {"context", count(8)},
                   {"tensor", count(2)},
                   {"sequence_parallel", kYes}}) ==
          "/train/sequence: 4104 does not divide into 16 equal parts");
    CHECK(
        refusal(kLlama, 16,
                {{"context", count(8)}, {"tensor", count(2)}, {"context_kind", word("ulysses")}}) ==
        "/layout/context: 8 x tensor 2 does not divide 8 key/value heads, as ulysses needs");
}

TEST_CASE("APipelineHasALayerAChunkAndMicroBatchesToFill") {
    CHECK(refusal(kLlama, 64, {{"pipeline", count(64)}}) ==
          "/layout/pipeline: pipeline 64 x interleave 1 = 64 chunks, the model has 32 layers");
    CHECK(refusal(kLlama, 4, {{"pipeline", count(4)}, {"interleave", count(2)}}) ==
          "/layout/schedule: is 1f1b, interleave 2 needs the schedule interleaved");
    CHECK(refusal(kLlama, 4,
                  {{"pipeline", count(4)},
                   {"interleave", count(2)},
                   {"schedule", word("interleaved")},
                   {"accumulation", count(6)}}) ==
          "/train/accumulation: 6 micro-batches must be a multiple of pipeline 4 when interleaved");
    CHECK(refusal(kLlama, 1, {{"interleave", count(2)}, {"schedule", word("interleaved")}}) ==
          "/layout/interleave: is 2, but needs a pipeline degree above 1");
    CHECK(refusal("google-t5/t5-base", 2, {{"pipeline", count(2)}})
              .starts_with("/layout/pipeline: is 2, an encoder-decoder"));
}

TEST_CASE("ExpertsSpreadOverRanksThatHoldThem") {
    CHECK(refusal(kLlama, 8, {{"expert", count(2)}}) ==
          "/layout/expert: is 2, but the model has no experts");
    CHECK(refusal(kMixtral, 16, {{"expert", count(16)}}) ==
          "/layout/expert: 16 does not divide 8 experts");
    CHECK(refusal(kMixtral, 4, {{"expert", count(8)}}) ==
          "/layout/expert: 8 does not divide data 4 x context 1");
}

TEST_CASE("ShardingNeedsSomethingToShard") {
    CHECK(refusal(kLlama, 8, {{"shard", count(4)}}) ==
          "/layout/shard: is 4, but zero is 0: nothing is sharded");
    CHECK(refusal(kLlama, 8, {{"shard", count(3)}, {"zero", count(2)}}) ==
          "/layout/shard: 3 does not divide data 8 x context 1");
    CHECK(refusal(kLlama, 8, {{"zero", count(2)}, {"pipeline", count(2)}}) ==
          "/layout/zero: is 2, but gradients and parameters cannot be sharded while several "
          "micro-batches of pipeline 2 are in flight; use zero 1");
}

TEST_CASE("OffloadNeedsAnUpdateOnTheHostAndParametersThatLeave") {
    CHECK(refusal(kLlama, 8,
                  {{"offload_optimizer", word("cpu")}, {"optimizer", word("adamw8bit")}}) ==
          "/techniques/offload/optimizer: is cpu, but the update on the host exists for adamw "
          "only, not for adamw8bit");
    CHECK(refusal(kLlama, 8, {{"offload_parameters", word("cpu")}, {"zero", count(2)}}) ==
          "/techniques/offload/parameters: is cpu, but with zero 2 all 8 ranks hold every "
          "parameter; use zero 3 or one GPU");
}

TEST_CASE("SelectiveRecomputationNamesAnOp") {
    CHECK(refusal(kLlama, 1, {{"recompute", word("selective")}, {"recompute_ops", words_of({})}}) ==
          "/techniques/recompute/ops: is empty, mode selective needs at least one of norm, "
          "activation, attention");
}

TEST_CASE("AdapterTargetsAreLayersOfTheModel") {
    CHECK(
        refusal(kLlama, 1, {{"adapter", word("dora")}, {"lora_targets", words_of({"qkv_proj"})}}) ==
        "/techniques/dora/targets: \"qkv_proj\" matches no layer of \"meta-llama/Llama-3.1-8B\"; "
        "it has q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj");
    using Names = std::vector<std::string>;
    const auto targets = [](const char* name) {
        return adapter_targets(shipped_library().model(name, ""));
    };
    CHECK(targets("gpt2") == Names{"qkv_proj", "o_proj", "up_proj", "down_proj"});
    CHECK(targets("Phi-3-mini-4k-instruct") ==
          Names{"qkv_proj", "o_proj", "gate_up_proj", "down_proj"});
    CHECK(targets("deepseek-ai/DeepSeek-V3") == Names{"q_a_proj", "q_b_proj", "kv_a_proj",
                                                      "kv_b_proj", "o_proj", "gate_proj", "up_proj",
                                                      "down_proj"});
    CHECK(targets("Mixtral-8x7B-v0.1") == Names{"q_proj", "k_proj", "v_proj", "o_proj"});
}

TEST_CASE("WhatIsPrunedIsTrainedAndSomethingIsLeft") {
    CHECK(refusal(kLlama, 1, {{"prune", word("2:4")}}).empty());
    CHECK(refusal(kLlama, 1, {{"prune", word("unstructured")}, {"prune_sparsity", KnobValue{0.9}}})
              .empty());
    CHECK(refusal(kLlama, 1, {{"prune", word("unstructured")}, {"adapter", word("lora")}})
              .starts_with("/techniques/lora/id: is lora, but what is pruned is trained"));
    CHECK(refusal(kLlama, 1, {{"prune", word("2:4")}, {"prune_sparsity", KnobValue{0.75}}}) ==
          "/techniques/pruning/sparsity: is 0.75, but the pattern 2:4 leaves two of every four");
    CHECK(
        refusal(kLlama, 1, {{"prune", word("unstructured")}, {"prune_sparsity", KnobValue{0.0}}}) ==
        "/techniques/pruning/sparsity: is 0, so nothing would be pruned");
}

TEST_CASE("ATeacherIsComparableAndFitsTheLayout") {
    const auto refused = [](const char* teacher, auto change) {
        auto request = read_request(plain_document("meta-llama/Llama-3.2-1B", 1));
        request.distill.teacher = shipped_library().model(teacher, "");
        change(request);
        return input_error([&] { validate(request); });
    };
    const auto nothing = [](PlanRequest&) {};
    CHECK(refused("llama-3.1-8b", nothing).empty());
    CHECK(refused("gpt2", nothing) ==
          "/techniques/distillation/teacher: \"openai-community/gpt2\" has a vocabulary of 50257 "
          "tokens, the model has 128256: their distributions cannot be compared");
    CHECK(refused("llama-3.1-8b", [](auto& r) {
              r.train.loss = LossKind::fused;
          }).starts_with("/train/loss: is fused, but with a teacher the loss is chunked"));
    CHECK(refused("llama-3.1-8b", [](auto& r) { r.hardware.gpus = r.layout.pipeline = 2; }) ==
          "/layout/pipeline: is 2, but with a teacher all layers are on one stage");
    CHECK(refused("llama-3.1-8b", [](auto& r) { r.distill.weight = 0.0; }) ==
          "/techniques/distillation/weight: is 0, so the teacher would change nothing");
    CHECK(refused("llama-3.1-8b", [](auto& r) { r.distill.teacher->stack = Stack::encoder; })
              .find("is encoder, the model is decoder: they predict different tokens") !=
          std::string::npos);
    // 32 heads are no multiple of 64; the student's are.
    CHECK(refused("llama-3.1-8b",
                  [](auto& r) {
                      r.model.attention.heads = r.model.attention.kv_heads = 64;
                      r.model.attention.head_dim = 32;
                      r.hardware.gpus = r.layout.tensor = 64;
                  }) ==
          "/layout/tensor: of the teacher \"meta-llama/Llama-3.1-8B\": 64 does not divide 32 "
          "attention heads");
    CHECK(refused("llama-3.1-8b", [](auto& r) {
              r.distill.teacher->attention.heads = 0;
          }).starts_with("/techniques/distillation/teacher/attention/heads: "));
}

TEST_CASE("RoundedMatricesAreThoseOfAFullModelOrUnderLora") {
    CHECK(refusal(kLlama, 1, {{"qat", word("int4")}, {"adapter", word("lora")}}).empty());
    for (const char* kind : {"qlora", "dora"}) {
        CHECK(refusal(kLlama, 1, {{"qat", word("int4")}, {"adapter", word(kind)}})
                  .starts_with("/techniques/" + std::string(kind) + "/id: is " + kind +
                               ", but matrices that are rounded in training"));
    }
    CHECK(refusal(kLlama, 2, {{"qat", word("int8")}, {"tensor", count(2)}}).empty());
    CHECK(refusal(kLlama, 2, {{"qat_activations", word("int8")}, {"tensor", count(2)}}) ==
          "/techniques/qat/activations: is int8, but tensor is 2: a token's scale is of its whole "
          "row");
}
