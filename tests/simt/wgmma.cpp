#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/cuda_table.h"
#include "tests/simt/elements.h"
#include "tests/support/attention_cases.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"
#include "tests/support/same_as_cpu.h"
#include "tests/support/wgmma_product.cuh"

namespace headroom::test {
namespace {

using namespace device;

template <class T, Along along_a, Along along_b>
void check_product() {
    const auto a = random_elements<T>(kProductRows * kProductTerms, 1);
    const auto b = random_elements<T>(kProductTerms * kProductColumns, 2);
    std::vector<float> c(std::size_t{kProductRows} * kProductColumns);
    launch_kernel(multiply_panels_kernel<T, along_a, along_b>, {1}, {kWarpgroup}, kProductShared,
                  nullptr, a.data(), b.data(), c.data());
    for (int i = 0; i < kProductRows * kProductColumns; ++i) {
        double sum = 0.0;
        for (int k = 0; k < kProductTerms; ++k) {
            const T left = a[static_cast<std::size_t>(i / kProductColumns * kProductTerms + k)];
            const T right = b[static_cast<std::size_t>(k * kProductColumns + i % kProductColumns)];
            sum += static_cast<double>(to_float(left)) * static_cast<double>(to_float(right));
        }
        INFO("row " << i / kProductColumns << " column " << i % kProductColumns);
        REQUIRE(std::abs(static_cast<double>(c[static_cast<std::size_t>(i)]) - sum) < 1e-4);
    }
}

/// Sums before and after they were waited for; the second product adds to the first.
void wait_kernel(float* early, float* late) {
    auto* const panels = panel_memory<Bf16>();
    const int thread = static_cast<int>(threadIdx.x);
    for (int i = thread; i < 64 * 64; i += kWarpgroup) panels[i] = from_float<Bf16>(1.0F);
    show_to_products();
    __syncthreads();
    Products products;
    float sums[8][4];
    const PanelFactor<64, Along::sum> ones(panels);
    multiply<Bf16, 1>(products, sums, ones, ones);
    FragmentsOfA<1, 1> a;
    for (auto& word : a.word[0][0]) word = pack<Bf16>(2.0F, 2.0F);
    float others[8][4] = {};
    multiply_add<Bf16>(products, others, a, ones);
    early[thread] = sums[0][0];
    products.wait<1>();
    late[thread] = sums[0][0];
    early[kWarpgroup + thread] = others[0][0];
    products.wait<0>();
    late[kWarpgroup + thread] = others[0][0];
}

const KernelTable& table() {
    static const KernelTable rows = [] {
        KernelTable out = cpu_table();
        add_attention_cuda_rows(out, TensorWords::wgmma);
        return out;
    }();
    return rows;
}

/// Forward and backward against the CPU's, and the same bits in the other order.
void check(const OpCase& c, DType dtype) {
    const auto& sizes = c.inputs.front().shape;
    INFO(name(dtype) << " " << to_string(sizes));
    const OpResult found = run(c, dtype, table());
    check_close(found, run(c, dtype), kAttentionTolerances.of(dtype));
    const simt::ScopedOrder scope(simt::Order::reverse);
    check_close(run(c, dtype, table()), found, 0.0);
}

}  // namespace

TEST_CASE("DescriptorsOfFactorsAreWhatThePtxManualSays") {
    // Address, leading and stride offset in units of 16 bytes from bits 0, 16 and 32; the swizzle
    // of 128 bytes is 1 from bit 62 on.
    static_assert(factor_code(0, 16) == 0x4000'0040'0001'0000U);
    static_assert(factor_code(0x1C400, 8192) == 0x4000'0040'0200'1C40U);
    // What Triton 3.4 ors into the address of a bf16 factor of 128 rows that sm_90 reads across
    // them (tl.dot of (64, 128) and (128, 128), both transposed); 16 rows on, it adds 2048.
    static_assert(factor_code(0, kPanelBytes<128>) == 4611686293372403712U);
    CHECK(swizzled(0x000U) == 0x000U);
    CHECK(swizzled(0x080U) == 0x090U);
    CHECK(swizzled(0x7F4U) == 0x784U);
}

TEST_CASE("EmulatedWarpgroupsMultiplyMatrices") {
    check_product<Bf16, Along::sum, Along::sum>();
    check_product<Bf16, Along::sum, Along::other>();
    check_product<Bf16, Along::other, Along::sum>();
    check_product<F16, Along::other, Along::other>();
}

TEST_CASE("EmulatedProductsLandWhenTheyAreWaitedFor") {
    std::vector<float> early(2 * std::size_t{kWarpgroup});
    std::vector<float> late(2 * std::size_t{kWarpgroup});
    launch_kernel(wait_kernel, {1}, {kWarpgroup}, kPanelSwizzle + std::size_t{64} * 128, nullptr,
                  early.data(), late.data());
    for (std::size_t i = 0; i < early.size(); ++i) {
        CHECK(std::isnan(early[i]));
        CHECK(late[i] == (i < kWarpgroup ? 16.0F : 32.0F));
    }
}

TEST_CASE("WgmmaAttentionAgreesWithTheCpu") {
    for (const auto& c : wgmma_cases()) check(c, DType::bf16);
    check(wgmma_cases()[0], DType::f16);
    check(wgmma_cases()[1], DType::f16);
}

TEST_CASE("WgmmaAttentionLeavesOtherHeadsToOtherKernels") {
    // Heads that fill no tile, bent scores, f32; a sink is taken by either.
    check(attention({.head_dim = 40, .value_dim = 24}, {}), DType::bf16);
    check(attention({.head_dim = 64, .value_dim = 64, .softcap = 2.0}, {}), DType::bf16);
    OpCase sunk = attention({.head_dim = 64, .value_dim = 64}, {});
    sunk.op = Attention{.shape = {.head_dim = 64, .value_dim = 64}, .sinks = true};
    sunk.inputs.push_back(parameter({2}));
    check(sunk, DType::bf16);
}

TEST_CASE("WgmmaAttentionCountsThePairsOfItsTiles") {
    // 256 queries see 128 and 256 keys by tiles of 128; backward, tiles of 64 queries of heads of
    // 128 do as well.
    const AttentionSizes sizes{.heads = 1, .kv_heads = 1, .queries = 256, .keys = 256};
    const OpResult found =
        run(attention({.head_dim = 128, .value_dim = 128}, sizes), DType::bf16, table());
    constexpr std::int64_t kSeen = 256 * 257 / 2;
    constexpr std::int64_t kTiles = 128 * 128 + 128 * 256;
    CHECK(found.counted.matrix == 2 * 128 * 7 * kSeen);
    CHECK(found.counted.padding == 2 * 128 * 7 * (kTiles - kSeen));
}

}  // namespace headroom::test
