#include "tests/gpu/gpu.h"
#include "tests/support/attention_cases.h"
#include "tests/support/device_cases.h"
#include "tests/support/same_as_cpu.h"

// Every family of kernels, on the cases that the emulated ones pass and on sizes that fill a GPU.

namespace headroom::test {
namespace {

void check_all(const std::vector<OpCase>& cases, const Tolerances& tolerances = kSumTolerances) {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    for (const auto& c : cases) check_same_as_cpu(c, *gpu, tolerances);
}

}  // namespace

TEST_CASE("GpuNormsAgreeWithTheCpu") { check_all(norm_cases()); }
TEST_CASE("GpuElementwiseOpsAgreeWithTheCpu") { check_all(elementwise_cases()); }
TEST_CASE("GpuColumnsAgreeWithTheCpu") { check_all(column_cases()); }
TEST_CASE("GpuActivationsAgreeWithTheCpu") { check_all(activation_cases()); }
TEST_CASE("GpuRopeAgreesWithTheCpu") { check_all(rope_cases()); }
TEST_CASE("GpuEmbeddingsAgreeWithTheCpu") { check_all(embedding_cases()); }
TEST_CASE("GpuRoutingAgreesWithTheCpu") { check_all(routing_cases()); }
TEST_CASE("GpuFakeQuantizationIsTheCpusToTheBit") { check_all(fake_quantize_cases(), kSameBits); }
TEST_CASE("GpuOtherOpsAgreeWithTheCpu") { check_all(other_cases()); }

TEST_CASE("GpuAttentionAgreesWithTheCpuForEveryHeadSize") {
    check_all(head_size_cases(), kAttentionTolerances);
}
TEST_CASE("GpuAttentionMasksAsTheCpuDoes") { check_all(mask_cases(), kAttentionTolerances); }
TEST_CASE("GpuAttentionShapesScoresAsTheCpuDoes") {
    check_all(score_cases(), kAttentionTolerances);
}
TEST_CASE("GpuAttentionTakesBlocksOfColumns") { check_all(fused_cases(), kAttentionTolerances); }
TEST_CASE("EagerGpuAttentionAgreesWithTheCpu") { check_all(eager_cases(), kAttentionTolerances); }

TEST_CASE("GpuKernelsAgreeWithTheCpuAtTheSizesOfModels") {
    // Sums of n terms in f32 are off by some sqrt(n) roundings of 2^-24: 1e-5 for 32,000 ids.
    const Tolerances long_sums{.f32 = 1e-5, .bf16 = 8e-3, .f16 = 1e-3};
    const std::vector<OpCase> cases{
        {.op = Norm{.residual = true},
         .inputs = {real({700, 4096}), real({700, 4096}), parameter({4096})},
         .differentiated = {0, 1}},
        {.op = Norm{.kind = NormKind::layer, .bias = true},
         .inputs = {real({1100, 768}), parameter({768}), parameter({768})},
         .differentiated = {0}},
        {.op = Activate{.gated = true}, .inputs = {real({300, 8192}), real({300, 8192})}},
        {.op = Embedding{}, .inputs = {ids({6000}, 3000), parameter({3000, 512})}},
        {.op = HeadLoss{.chunk = 128},
         .inputs = {real({300, 256}), parameter({32000, 256}), ids({300}, 32000)}},
        {.op = HeadLoss{.chunk = 128},
         .inputs = {real({300, 256}), parameter({5003, 256}), ids({300}, 5003)}},
        {.op = HeadLoss{.chunk = 128, .teacher = {.on = true, .temperature = 2.0, .weight = 0.5}},
         .inputs = {real({300, 256}), parameter({32000, 256}), ids({300}, 32000),
                    frozen({300, 384}), frozen({32000, 384})}},
        {.op = HeadLoss{.chunk = 128, .teacher = {.on = true, .temperature = 2.0, .weight = 0.5}},
         .inputs = {real({300, 256}), parameter({5003, 256}), ids({300}, 5003), frozen({300, 384}),
                    frozen({5003, 384})}},
    };
    check_all(cases, long_sums);
}

TEST_CASE("GpuAttentionAgreesWithTheCpuAtTheSizesOfModels") {
    const AttentionSizes grouped{.heads = 8, .kv_heads = 2, .queries = 700, .keys = 700};
    const AttentionSizes dealt{.heads = 4, .kv_heads = 4, .queries = 1024, .keys = 2048};
    check_all({attention({.batch = 2, .head_dim = 128, .value_dim = 128}, grouped),
               attention({.batch = 2, .head_dim = 64, .value_dim = 64}, grouped),
               attention({.batch = 1, .head_dim = 64, .value_dim = 64}, dealt),
               attention({.batch = 1, .head_dim = 256, .value_dim = 256, .window = 300}, grouped)},
              kAttentionTolerances);
}

TEST_CASE("GpuAttentionInF32IsTheSameEveryTime") {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    const auto head = GENERATE(64, 128);
    const OpCase c = attention({.batch = 2, .head_dim = head, .value_dim = head},
                               {.heads = 16, .kv_heads = 4, .queries = 1500, .keys = 1500});
    const OpResult first = run(c, DType::f32, *gpu);
    for (int i = 0; i < 5; ++i) {
        const OpResult again = run(c, DType::f32, *gpu);
        CHECK(again.outputs == first.outputs);
        CHECK(again.gradients == first.gradients);
    }
}

}  // namespace headroom::test
