#include "tests/gpu/gpu.h"
#include "tests/support/attention_cases.h"
#include "tests/support/same_as_cpu.h"

// Attention of wgmma: on the cases of the emulated one, on sizes of models, and beside mma.sync's.

namespace headroom::test {
namespace {

void check_all(const std::vector<OpCase>& cases) {
    const auto gpu = wgmma_or_skip();
    if (gpu == nullptr) return;
    for (const auto& c : cases) check_same_as_cpu(c, *gpu, kAttentionTolerances);
}

}  // namespace

TEST_CASE("GpuWgmmaAttentionAgreesWithTheCpu") { check_all(wgmma_cases()); }

TEST_CASE("GpuWgmmaAttentionAgreesWithTheCpuAtTheSizesOfModels") {
    const AttentionSizes grouped{.heads = 8, .kv_heads = 2, .queries = 700, .keys = 700};
    check_all({attention({.batch = 2, .head_dim = 128, .value_dim = 128}, grouped),
               attention({.batch = 2, .head_dim = 64, .value_dim = 64}, grouped)});
}

TEST_CASE("GpuWgmmaAttentionIsTheSameEveryTime") {
    const auto gpu = wgmma_or_skip();
    if (gpu == nullptr) return;
    const auto head = GENERATE(64, 128);
    const OpCase c = attention({.batch = 2, .head_dim = head, .value_dim = head},
                               {.heads = 16, .kv_heads = 4, .queries = 1500, .keys = 1500});
    const OpResult first = run(c, DType::bf16, *gpu);
    for (int i = 0; i < 5; ++i) {
        const OpResult again = run(c, DType::bf16, *gpu);
        CHECK(again.outputs == first.outputs);
        CHECK(again.gradients == first.gradients);
    }
}

}  // namespace headroom::test
