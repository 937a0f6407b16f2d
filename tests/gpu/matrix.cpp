#include "tests/gpu/gpu.h"
#include "tests/support/matrix_cases.h"
#include "tests/support/same_as_cpu.h"

namespace headroom::test {
namespace {

void check_all(const std::vector<OpCase>& cases) {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    for (const auto& c : cases) check_same_as_cpu(c, *gpu);
}

/// (1024, 512) x (768, 512)^T and both gradients.
const OpCase kDense{.op = Linear{},
                    .inputs = {real({1024, 512}), parameter({768, 512}), parameter({768})}};

}  // namespace

TEST_CASE("GpuLinearsAgreeWithTheCpu") { check_all(linear_cases()); }
TEST_CASE("GpuRouterAgreesWithTheCpu") { check_all(router_cases()); }
TEST_CASE("GpuExpertsAgreeWithTheCpu") { check_all(expert_cases()); }
TEST_CASE("GpuLossesAgreeWithTheCpu") { check_all(loss_cases()); }
TEST_CASE("GpuProductsOfWholeTilesAgreeWithTheCpu") { check_all({kDense}); }

TEST_CASE("GpuProductsAreTheSameBitsEveryTime") {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    const OpResult once = run(kDense, DType::bf16, *gpu);
    const OpResult again = run(kDense, DType::bf16, *gpu);
    CHECK(once.outputs == again.outputs);
    CHECK(once.gradients == again.gradients);
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
