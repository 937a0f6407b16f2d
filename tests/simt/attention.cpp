#include <cstdint>
#include <vector>

#include "kernels/cuda_table.h"
#include "kernels/device/simt.h"
#include "tests/support/attention_cases.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"
#include "tests/support/same_as_cpu.h"

namespace headroom::test {
namespace {

const KernelTable& table() {
    static const KernelTable rows = [] {
        KernelTable out = cpu_table();
        add_attention_cuda_rows(out, TensorWords::mma);
        add_eager_attention_cuda_rows(out);
        return out;
    }();
    return rows;
}

double tolerance(DType dtype) { return kAttentionTolerances.of(dtype); }

/// Forward and backward against the CPU's.
void check(const OpCase& c, DType dtype) {
    INFO(name(dtype));
    check_close(run(c, dtype, table()), run(c, dtype), tolerance(dtype));
}

void check_all(const std::vector<OpCase>& cases, const std::vector<DType>& dtypes) {
    for (const auto& c : cases) {
        INFO(name(c.op) << " of " << first_shape(c));
        for (const DType dtype : dtypes) check(c, dtype);
    }
}

/// Threads and blocks in the other order give the same bits.
void check_order(const OpCase& c, DType dtype) {
    INFO(name(dtype));
    const OpResult found = run(c, dtype, table());
    check_close(found, run(c, dtype), tolerance(dtype));
    const simt::ScopedOrder scope(simt::Order::reverse);
    check_close(run(c, dtype, table()), found, 0.0);
}

}  // namespace

TEST_CASE("CudaAttentionAgreesWithTheCpuForEveryHeadSize") {
    check_all(head_size_cases(), {DType::bf16, DType::f16, DType::f32});
}

TEST_CASE("CudaAttentionOfManyTilesIsTheSameInEveryOrder") {
    // Four blocks of keys wait for each other, two tiles of queries and of keys a head.
    const auto head = GENERATE(64, 256);
    check_order(attention({.batch = 2, .head_dim = head, .value_dim = head},
                          {.heads = 2, .kv_heads = 1, .queries = 140, .keys = 140}),
                DType::bf16);
}

TEST_CASE("CudaAttentionOfManyF32TilesIsTheSameInEveryOrder") {
    // On a GPU of a data centre, and where a block has less shared memory.
    const auto room = GENERATE(227, 99);
    const simt::ScopedSharedBytes scope(std::size_t(room) << 10);
    for (const std::int64_t head : {64, 128}) {
        INFO("heads of " << head << " in " << room << " KiB");
        check_order(attention({.batch = 2, .head_dim = head, .value_dim = head},
                              {.heads = 2, .kv_heads = 1, .queries = 140, .keys = 140}),
                    DType::f32);
    }
    for (const auto& c : mask_cases()) check(c, DType::f32);
    for (const auto& c : score_cases()) check(c, DType::f32);
}

TEST_CASE("CudaAttentionCountsThePairsOfItsTiles") {
    // 256 queries of two tiles of 128 see 128 and 256 keys: tiles of 64 keys forward, of 128 keys
    // by 32 queries backward. Two and five products of 64 columns.
    const AttentionSizes sizes{.heads = 1, .kv_heads = 1, .queries = 256, .keys = 256};
    const OpResult found =
        run(attention({.head_dim = 64, .value_dim = 64}, sizes), DType::bf16, table());
    constexpr std::int64_t kSeen = 256 * 257 / 2;
    constexpr std::int64_t kForward = 128 * 128 + 128 * 256;
    constexpr std::int64_t kBackward = 128 * 128 + 128 * 256;
    CHECK(found.counted.matrix == 2 * 64 * 7 * kSeen);
    CHECK(found.counted.padding == 2 * 64 * (2 * (kForward - kSeen) + 5 * (kBackward - kSeen)));
}

TEST_CASE("CudaAttentionCountsThePairsOfItsF32Tiles") {
    // The same forward tiles; 64 keys by 64 queries backward. Heads of 40 are filled up to 64.
    const AttentionSizes sizes{.heads = 1, .kv_heads = 1, .queries = 256, .keys = 256};
    const OpResult found =
        run(attention({.head_dim = 64, .value_dim = 40}, sizes), DType::f32, table());
    constexpr std::int64_t kSeen = 256 * 257 / 2;
    constexpr std::int64_t kForward = 128 * 128 + 128 * 256;
    constexpr std::int64_t kBackward = 64 * (64 + 128 + 192 + 256);
    constexpr std::int64_t kCounted = kSeen * (4 * 64 + 3 * 40);
    CHECK(found.counted.matrix == 2 * kCounted);
    CHECK(found.counted.padding == 2 * (64 * (2 * kForward + 5 * kBackward) - kCounted));
}

TEST_CASE("CudaAttentionMasksAsTheCpuDoes") {
    check_all(mask_cases(), {DType::bf16, DType::f16, DType::f32});
}

TEST_CASE("CudaAttentionShapesScoresAsTheCpuDoes") {
    check_all(score_cases(), {DType::bf16, DType::f16, DType::f32});
}

TEST_CASE("CudaAttentionTakesBlocksOfColumns") {
    check_all(fused_cases(), {DType::bf16, DType::f16, DType::f32});
}

TEST_CASE("CudaAttentionAgreesWithTheCpuInF32") {
    const AttentionSizes grouped{.heads = 4, .kv_heads = 2, .queries = 37, .keys = 37};
    check_order(attention({.batch = 2, .head_dim = 20, .value_dim = 12}, grouped), DType::f32);
    // Heads that no tile takes: neither 16 bytes at a time nor that wide.
    check_order(attention({.batch = 2, .head_dim = 18, .value_dim = 12}, grouped), DType::f32);
    check_order(attention({.head_dim = 132, .value_dim = 12}, grouped), DType::f32);
    check(attention({.head_dim = 6, .value_dim = 33, .window = 5}, {.queries = 18, .keys = 36}),
          DType::f32);
}

TEST_CASE("EagerCudaAttentionAgreesWithTheCpu") {
    check_all(eager_cases(), {DType::bf16, DType::f16});
    for (const auto& c : eager_cases()) {
        INFO(name(c.op));
        check_order(c, DType::f32);
    }
}

TEST_CASE("CudaAttentionSaysWhatItDoesNotTake") {
    const Op wide = Attention{.shape = {.head_dim = 320, .value_dim = 320}};
    const TensorView q{{.shape = {4, 320}, .dtype = DType::bf16}};
    const std::vector<TensorView> in{q, q, q};
    const Launch launch{.in = in, .out = in};
    CHECK(table()[wide].refuses(wide, launch) ==
          "attention heads of 320 columns; the CUDA kernels take up to 256");
    const Op biased = Attention{.shape = {.head_dim = 32, .value_dim = 32}, .relative_bias = true};
    const std::vector<TensorView> more{q, q, q, {{.shape = {500, 10}, .dtype = DType::bf16}}};
    CHECK(table()[biased].refuses(biased, {.in = more, .out = more}) ==
          "a relative bias of 500 buckets; the CUDA kernels take up to 128");
    const Op plain = Attention{.shape = {.head_dim = 32, .value_dim = 32}};
    CHECK(table()[plain].refuses(plain, launch).empty());
}

}  // namespace headroom::test
