#include <algorithm>

#include "tests/gpu/gpu.h"
#include "tests/support/matrix_cases.h"
#include "tests/support/same_as_cpu.h"

namespace headroom::test {
namespace {

void check_all(const std::vector<OpCase>& cases, const Tolerances& tolerances = kSumTolerances) {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    for (const auto& c : cases) check_same_as_cpu(c, *gpu, tolerances);
}

/// (1024, 512) x (768, 512)^T and both gradients.
const OpCase kDense{.op = Linear{},
                    .inputs = {real({1024, 512}), parameter({768, 512}), parameter({768})}};

/// (4000, 1024) += (4000, 16) x (1024, 16)^T.
const OpCase kAdapter{.op = LinearAdd{.scale = 2.0},
                      .inputs = {real({4000, 1024}), real({4000, 16}), parameter({1024, 16})}};

}  // namespace

TEST_CASE("GpuLinearsAgreeWithTheCpu") { check_all(linear_cases()); }
TEST_CASE("GpuRouterAgreesWithTheCpu") { check_all(router_cases()); }
TEST_CASE("GpuExpertsAgreeWithTheCpu") { check_all(expert_cases()); }
TEST_CASE("GpuLossesAgreeWithTheCpu") { check_all(loss_cases()); }
TEST_CASE("GpuProductsOfWholeTilesAgreeWithTheCpu") { check_all({kDense}); }

TEST_CASE("GpuLowRankProductsAgreeWithTheCpu") {
    check_all(low_rank_cases());
    // More rows than the device's warps take in a few turns, in strips beside each other and not.
    // The gradients are sums of up to 14,336 terms; those of matrices are split between blocks.
    const Tolerances long_sums{.f32 = 1e-5, .bf16 = 8e-3, .f16 = 1e-3};
    check_all({{.op = LinearAdd{.scale = 2.0},
                .inputs = {real({3001, 4096}), real({3001, 16}), parameter({4096, 16})}},
               {.op = Linear{}, .inputs = {real({3001, 1024}), parameter({24, 1024})}},
               {.op = LinearAdd{.scale = 0.5},
                .inputs = {real({150000, 64}), real({150000, 8}), frozen({64, 8})}},
               {.op = LinearAdd{.scale = 0.5},
                .inputs = {block({999, 14336}, 14400), real({999, 64}), frozen({14336, 64})}},
               input_gradient({real({6001, 32}), real({32, 1024}), real({6001, 1024})})},
              long_sums);
}

TEST_CASE("GpuLowRankProductsAreOurOwn") {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    (void)run(kAdapter, DType::bf16, *gpu);
    const auto lines = gpu->algorithms();
    const auto ours = [](const std::string& line) {
        return line.ends_with("own kernel, tile 8x64");
    };
    CHECK(std::ranges::count_if(lines, ours) == 1);  // y
    const std::string gradient = "1024 x 16 x 4000 bf16 -> bf16, TN: own kernel, tile 64x16";
    CHECK(std::ranges::count(lines, gradient) == 1);
    for (const auto& line : lines) WARN(line);
}

TEST_CASE("GpuProductsAreTheSameBitsEveryTime") {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    for (const auto& c : {kDense, kAdapter}) {
        const OpResult once = run(c, DType::bf16, *gpu);
        const OpResult again = run(c, DType::bf16, *gpu);
        CHECK(once.outputs == again.outputs);
        CHECK(once.gradients == again.gradients);
    }
}

TEST_CASE("EveryLayoutHasOneAlgorithm") {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    (void)run(kDense, DType::bf16, *gpu);
    const auto lines = gpu->algorithms();
    (void)run(kDense, DType::bf16, *gpu);
    CHECK(lines.size() == 3);  // y, dW and dx
    CHECK(gpu->algorithms() == lines);
    for (const auto& line : lines) WARN(line);
}

}  // namespace headroom::test
