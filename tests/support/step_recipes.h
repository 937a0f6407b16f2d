#pragma once

#include <string>
#include <vector>

#include "planner/plan/comparison.h"
#include "tests/support/tiny_run.h"

namespace headroom::test {

/// The techniques that change where bytes lie or when they are computed, never what they are.
inline std::vector<PlanRequest> recipes() {
    std::vector<PlanRequest> list;
    const auto add = [&](auto change) {
        PlanRequest request = tiny_request(tiny_llama(4));
        change(request);
        list.push_back(request);
    };
    add([](PlanRequest&) {});
    add([](PlanRequest& r) { r.train.accumulation = 3; });
    add([](PlanRequest& r) { r.train.loss = LossKind::fused; });
    add([](PlanRequest& r) { r.train.loss = LossKind::unfused; });
    add([](PlanRequest& r) { r.train.attention = AttentionImpl::eager; });
    add([](PlanRequest& r) { r.train.compute = r.train.gradient = DType::bf16; });
    add([](PlanRequest& r) { r.train.compute = r.train.gradient = DType::f16; });
    add([](PlanRequest& r) {
        r.train.compute = DType::bf16;
        r.train.master = false;
    });
    add([](PlanRequest& r) { r.train.optimizer = OptimizerKind::sgd; });
    add([](PlanRequest& r) { r.train.optimizer = OptimizerKind::lion; });
    add([](PlanRequest& r) { r.train.optimizer = OptimizerKind::adamw8bit; });
    add([](PlanRequest& r) { r.train.dropout = 0.1; });
    add([](PlanRequest& r) { r.recompute.mode = RecomputeMode::layer; });
    add([](PlanRequest& r) { r.adapter.kind = AdapterKind::lora; });
    add([](PlanRequest& r) { r.adapter.kind = AdapterKind::qlora; });
    add([](PlanRequest& r) { r.adapter.kind = AdapterKind::dora; });
    add([](PlanRequest& r) { r.qat = {.weights = QatType::int4, .group = 16}; });
    add([](PlanRequest& r) {
        r.qat = {.weights = QatType::int8, .group = 0, .activations = QatType::int8};
        r.train.compute = DType::bf16;
        r.train.accumulation = 2;
    });
    add([](PlanRequest& r) {
        r.qat = {.weights = QatType::int4, .activations = QatType::int8};
        r.adapter.kind = AdapterKind::lora;
    });
    add([](PlanRequest& r) {
        r.qat.weights = QatType::int4;
        r.hardware.gpus = r.layout.data = 4;
        r.layout.zero = 3;
    });
    add([](PlanRequest& r) {
        r.prune = {.pattern = PrunePattern::unstructured, .sparsity = 0.6};
        r.train.accumulation = 2;
    });
    add([](PlanRequest& r) {
        r.prune.pattern = PrunePattern::two_of_four;
        r.train.compute = r.train.gradient = DType::bf16;
        r.train.optimizer = OptimizerKind::adamw8bit;
        r.hardware.gpus = r.layout.data = 4;
        r.layout.zero = 2;
    });
    add([](PlanRequest& r) {
        r.prune.pattern = PrunePattern::unstructured;
        r.qat.weights = QatType::int8;
        r.offload.optimizer = Tier::cpu;
    });
    const auto taught = [&](auto change) {
        add([&](PlanRequest& r) {
            r.distill.teacher = tiny_llama(5);
            r.distill.teacher->attention.qk_norm = QkNorm::per_head;
            change(r);
        });
    };
    taught([](PlanRequest&) {});
    taught([](PlanRequest& r) {
        r.train.accumulation = 2;
        r.train.compute = r.train.gradient = DType::bf16;
        r.adapter.kind = AdapterKind::qlora;
        r.distill.weights = TeacherWeights::nf4;
    });
    taught([](PlanRequest& r) {
        r.distill.weights = TeacherWeights::nf4;
        r.hardware.gpus = r.layout.data = 4;
        r.layout.zero = 3;
    });
    taught([](PlanRequest& r) {
        r.train.dropout = 0.1;
        r.qat.weights = QatType::int8;
        r.hardware.gpus = r.layout.data = 4;
        r.layout.zero = 3;
    });
    add([](PlanRequest& r) { r.offload.optimizer = Tier::cpu; });
    for (const auto tier : {Tier::cpu, Tier::nvme}) {
        add([&](PlanRequest& r) { r.offload.optimizer = r.offload.parameters = tier; });
    }
    for (const int zero : {1, 2, 3}) {
        add([&](PlanRequest& r) {
            r.train.accumulation = 2;
            r.hardware.gpus = r.layout.data = 4;
            r.layout.zero = zero;
        });
    }
    add([](PlanRequest& r) {
        r.adapter.kind = AdapterKind::qlora;
        r.hardware.gpus = r.layout.data = 4;
        r.layout.zero = 3;
    });
    add([](PlanRequest& r) { r.model.tied_embeddings = true; });
    add([](PlanRequest& r) {
        r.model.moe = MoeSpec{.experts = 4, .top_k = 2, .expert_width = 24, .aux_loss = 0.01};
        r.model.moe_layers = {false, true, true, true};
    });
    add([](PlanRequest& r) {
        r.model.moe = MoeSpec{.experts = 4, .top_k = 2, .expert_width = 24, .aux_loss = 0.01};
        r.model.moe_layers = {false, true, true, true};
        r.qat = {.weights = QatType::int8, .activations = QatType::int8};
    });
    return list;
}

/// What a recipe changes, for the report of a failure.
inline std::string differing(const PlanRequest& request) {
    std::string text;
    for (const auto& row : setting_differences(tiny_request(tiny_llama(4)), request)) {
        text += row.setting + "=" + row.b + " ";
    }
    return text;
}

}  // namespace headroom::test
