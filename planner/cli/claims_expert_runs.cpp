#include <array>

#include "planner/cli/claim.h"
#include "planner/cli/claims_subjects.h"
#include "planner/plan/plan.h"

namespace headroom::claims {
namespace {

constexpr const char* kDeepseek = "DeepSeek-V3 Technical Report, DeepSeek-AI 2024";
constexpr const char* kGshard = "GShard, Lepikhin et al. 2020";

/// 15,360 sequences of 4096 a step.
PlanRequest deepseek(const Library& library) {
    auto request =
        request_on(library, shipped(library, "deepseek-ai/DeepSeek-V3"), "h800-sxm5-80gb", 2048);
    request.train.sequence = 4096;
    request.train.tokens = 14'800'000'000'000;
    request.layout.pipeline = 16;
    request.layout.data = 128;
    request.layout.expert = 64;
    request.layout.zero = 1;
    request.train.accumulation = 15360 / request.layout.data;
    request.recompute.mode = RecomputeMode::selective;
    request.hardware.usd_per_gpu_hour = Usd{2.0};
    return request;
}

CostBreakdown deepseek_cost(const Library& library) {
    return predict(deepseek(library)).predicted.cost;
}

double deepseek_total(const Library& library) { return parameters(deepseek(library).model) / 1e9; }
double deepseek_memory(const Library& library) {
    return in_gib(estimate_of(deepseek(library)).device);
}
double deepseek_memory_by_layers(const Library& library) {
    auto request = deepseek(library);
    request.recompute.mode = RecomputeMode::layer;
    return in_gib(estimate_of(request).device);
}
double deepseek_hours(const Library& library) { return deepseek_cost(library).gpu_hours / 1e6; }
double deepseek_usd(const Library& library) { return deepseek_cost(library).usd.count() / 1e6; }
double deepseek_days(const Library& library) {
    return deepseek_cost(library).gpu_hours / 24.0 / 2048.0;
}
double deepseek_kernels(const Library& library) {
    const auto cost = deepseek_cost(library);
    return cost.gpu_hours * (cost.compute / cost.step) / 1e6;
}

/// 2048 cores are 1024 chips; they reach each other over their own interconnect.
double gshard_days(const Library& library) {
    auto request = request_on(library, gshard(), "tpuv3-chip", 1024);
    auto& chip = request.hardware.profile;
    chip.node.nvlink_domain = 1024;
    // The router multiplies in fp32, which the matrix units do in six passes of bf16.
    chip.peak[DType::f32] = FlopRate{chip.peak[DType::bf16].count() / 6.0};
    request.train.micro_batch = 4;
    request.train.tokens = 1'000'000'000'000;
    request.train.optimizer = OptimizerKind::adafactor;
    request.layout.expert = 1024;
    request.layout.zero = 1;
    const auto cost = predict(request).predicted.cost;
    return cost.gpu_hours / 24.0 / 1024.0;
}

constexpr const char* kRun =
    "14.8e12 tokens, 2048 h800-sxm5-80gb, pipeline 16, experts over 64, ZeRO 1, bf16, norms and "
    "activations recomputed, 15,360 sequences of 4096 a step";
constexpr const char* kSameRun = "the run of deepseek-memory";
constexpr const char* kExchange =
    "routed tokens are exchanged in bf16, to up to eight ranks each, and nothing hides it; in the "
    "published run they went out in fp8, to four nodes at most, behind the kernels of another "
    "micro-batch, and matrices were multiplied in fp8 (2.664 of its hours are pre-training)";

constexpr std::array kClaims{
    Claim{"deepseek-total", "parameters of DeepSeek-V3", kDeepseek, Relation::about, 671.0,
          "billion", 0.001, deepseek_total, "count of DeepSeek-V3",
          "exact count, published rounded"},
    Claim{"deepseek-memory", "device memory of its training on H800 of 80 GB", kDeepseek,
          Relation::under, 80.0, "GiB", 0.0, deepseek_memory, kRun,
          "activations are kept in bf16; the published run kept many in fp8 and recomputed the "
          "projections of the latents too"},
    Claim{"deepseek-memory-layers", "the same with whole layers recomputed", kDeepseek,
          Relation::under, 80.0, "GiB", 0.0, deepseek_memory_by_layers,
          "the run above, every layer recomputed",
          "a plan that fits, at the price of another forward pass"},
    Claim{"deepseek-hours", "GPU-hours of its training", kDeepseek, Relation::about, 2.788,
          "million h", 0.1, deepseek_hours, kSameRun, kExchange},
    Claim{"deepseek-kernels", "GPU-hours of its kernels alone, part of the above", kDeepseek,
          Relation::under, 2.788, "million h", 0.0, deepseek_kernels, kSameRun,
          "without exchanges and bubble; the rest of the published hours is room for them"},
    Claim{"deepseek-usd", "cost of its training at 2 USD an hour", kDeepseek, Relation::about, 5.6,
          "million USD", 0.1, deepseek_usd, kSameRun, "follows from deepseek-hours"},
    Claim{"deepseek-days", "days of its training, less than two months", kDeepseek, Relation::under,
          61.0, "d", 0.0, deepseek_days, kSameRun, "follows from deepseek-hours"},
    Claim{"gshard-days", "days of training GShard's largest model", kGshard, Relation::about, 4.0,
          "d", 0.2, gshard_days,
          "1e12 tokens in batches of 4 million (recalled, unverified) on 1024 TPU v3 chips of two "
          "cores, experts over all of them, fp32 products at a sixth of the bf16 rate",
          "kernels here permute tokens without loss over a flat interconnect; the published run "
          "multiplied by one-hot masks, padded experts to a capacity and crossed a torus"},
};

}  // namespace

ClaimGroup expert_run_claims() { return {"Runs of mixtures of experts", kClaims}; }

}  // namespace headroom::claims
