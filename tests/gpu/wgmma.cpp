#include <cstdint>
#include <vector>

#include "kernels/cpu/number.h"
#include "tests/gpu/gpu.h"
#include "tests/gpu/wgmma_product.h"
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

TEST_CASE("GpuWarpgroupsMultiplyMatrices") {
    if (wgmma_or_skip() == nullptr) return;
    // Small whole numbers, whose sums are exact.
    const auto number = [](int i) { return i * 7 % 13 - 6; };
    const auto numbers = [&](int count) {
        std::vector<std::uint16_t> bits;
        for (int i = 0; i < count; ++i) {
            bits.push_back(BFloat16(static_cast<float>(number(i))).bits);
        }
        return bits;
    };
    const bool columns_of_a = GENERATE(false, true);
    const bool columns_of_b = GENERATE(false, true);
    const auto c = wgmma_product(numbers(64 * 48), numbers(48 * 128), columns_of_a, columns_of_b);
    for (int i = 0; i < 64 * 128; ++i) {
        int sum = 0;
        for (int k = 0; k < 48; ++k) sum += number(i / 128 * 48 + k) * number(k * 128 + i % 128);
        INFO("row " << i / 128 << " column " << i % 128 << (columns_of_a ? ", columns of a" : "")
                    << (columns_of_b ? ", columns of b" : ""));
        REQUIRE(c[static_cast<std::size_t>(i)] == static_cast<float>(sum));
    }
}

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
    // More blocks than run at once: some wait for a turn of those before them.
    const OpCase c = attention({.batch = 6, .head_dim = head, .value_dim = head},
                               {.heads = 16, .kv_heads = 4, .queries = 1500, .keys = 1500});
    const OpResult first = run(c, DType::bf16, *gpu);
    for (int i = 0; i < 5; ++i) {
        const OpResult again = run(c, DType::bf16, *gpu);
        CHECK(again.outputs == first.outputs);
        CHECK(again.gradients == first.gradients);
    }
}

}  // namespace headroom::test
