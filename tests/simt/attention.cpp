#include <cstdint>
#include <vector>

#include "kernels/cuda_table.h"
#include "kernels/device/simt.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"
#include "tests/support/same_as_cpu.h"

namespace headroom::test {
namespace {

const KernelTable& table() {
    static const KernelTable rows = [] {
        KernelTable out = cpu_table();
        add_attention_cuda_rows(out);
        add_eager_attention_cuda_rows(out);
        return out;
    }();
    return rows;
}

/// Heads and lengths of one attention.
struct Sizes {
    std::int64_t heads = 2;
    std::int64_t kv_heads = 2;
    std::int64_t queries = 17;
    std::int64_t keys = 17;
};

OpCase attention(const AttentionShape& shape, const Sizes& sizes) {
    return {.op = Attention{.shape = shape},
            .inputs = {real({shape.batch * sizes.queries, sizes.heads * shape.head_dim}),
                       real({shape.batch * sizes.keys, sizes.kv_heads * shape.head_dim}),
                       real({shape.batch * sizes.keys, sizes.kv_heads * shape.value_dim})},
            .differentiated = {0}};
}

void check_close(const OpResult& found, const OpResult& expected, double tolerance) {
    for (std::size_t i = 0; i < expected.outputs.size(); ++i) {
        INFO("output " << i);
        CHECK(relative_difference(found.outputs[i], expected.outputs[i]) <= tolerance);
    }
    for (std::size_t i = 0; i < expected.gradients.size(); ++i) {
        INFO("gradient of input " << i);
        CHECK(relative_difference(found.gradients[i], expected.gradients[i]) <= tolerance);
    }
}

double tolerance(DType dtype) {
    return dtype == DType::f32 ? 1e-5 : dtype == DType::f16 ? 2e-3 : 1e-2;
}

/// Forward and backward against the CPU's.
void check(const OpCase& c, DType dtype) {
    INFO(name(dtype));
    check_close(run(c, dtype, table()), run(c, dtype), tolerance(dtype));
}

/// Threads and blocks in the other order give the same bits.
void check_order(const OpCase& c, DType dtype) {
    INFO(name(dtype));
    const OpResult found = run(c, dtype, table());
    check_close(found, run(c, dtype), tolerance(dtype));
    const simt::ScopedOrder scope(simt::Order::reverse);
    check_close(run(c, dtype, table()), found, 0.0);
}

/// With a relative bias and sinks that have gradients.
OpCase biased(const AttentionShape& shape, const Sizes& sizes) {
    OpCase c = attention(shape, sizes);
    c.op = Attention{.shape = shape, .relative_bias = true, .sinks = true};
    c.inputs.push_back(parameter({8, sizes.heads}));
    c.inputs.push_back(parameter({sizes.heads}));
    return c;
}

}  // namespace

TEST_CASE("CudaAttentionAgreesWithTheCpuForEveryHeadSize") {
    struct Dims {
        std::int64_t head;
        std::int64_t value;
    };
    const auto dims = GENERATE(Dims{64, 64}, Dims{80, 80}, Dims{96, 64}, Dims{128, 128},
                               Dims{192, 128}, Dims{256, 256}, Dims{40, 24});
    INFO(dims.head << " and " << dims.value << " columns");
    const OpCase c = attention({.head_dim = dims.head, .value_dim = dims.value},
                               {.heads = 1, .kv_heads = 1, .queries = 35, .keys = 35});
    check(c, DType::bf16);
    check(c, DType::f16);
}

TEST_CASE("CudaAttentionOfManyTilesIsTheSameInEveryOrder") {
    // Four blocks of keys wait for each other, two tiles of queries and of keys a head.
    const auto head = GENERATE(64, 256);
    check_order(attention({.batch = 2, .head_dim = head, .value_dim = head},
                          {.heads = 2, .kv_heads = 1, .queries = 140, .keys = 140}),
                DType::bf16);
}

TEST_CASE("CudaAttentionMasksAsTheCpuDoes") {
    // Window, both sides of a window, all keys, fewer queries than keys from both ends.
    const Sizes many{.heads = 1, .kv_heads = 1, .queries = 150, .keys = 150};
    const Sizes dealt{.heads = 1, .kv_heads = 1, .queries = 75, .keys = 150};
    check(attention({.head_dim = 16, .value_dim = 16, .window = 20}, many), DType::bf16);
    check(attention({.head_dim = 16, .value_dim = 16, .causal = false, .window = 20}, many),
          DType::f16);
    check(attention({.head_dim = 16, .value_dim = 16, .causal = false}, many), DType::bf16);
    check(attention({.head_dim = 16, .value_dim = 16}, dealt), DType::bf16);
    check(attention({.head_dim = 16, .value_dim = 16, .window = 9}, dealt), DType::f16);
    check(attention({.head_dim = 16, .value_dim = 16, .causal = false},
                    {.heads = 1, .kv_heads = 1, .queries = 9, .keys = 70}),
          DType::bf16);
}

TEST_CASE("CudaAttentionShapesScoresAsTheCpuDoes") {
    const Sizes sizes{.heads = 3, .kv_heads = 1, .queries = 40, .keys = 40};
    for (const DType dtype : {DType::bf16, DType::f16, DType::f32}) {
        check(attention({.head_dim = 16, .value_dim = 16, .softcap = 2.0, .scale = 0.5}, sizes),
              dtype);
        check(attention({.head_dim = 16, .value_dim = 16, .alibi = true}, sizes), dtype);
        check(biased({.head_dim = 16, .value_dim = 16, .softcap = 3.0}, sizes), dtype);
        check(biased({.head_dim = 16, .value_dim = 16, .causal = false}, sizes), dtype);
    }
}

TEST_CASE("CudaAttentionTakesBlocksOfColumns") {
    // Fused q, k and v: rows lie apart. The last does not allow 16-byte copies.
    const auto blocks = [](std::int64_t width, std::int64_t stride) {
        return OpCase{.op = Attention{.shape = {.head_dim = width, .value_dim = width}},
                      .inputs = {block({21, 2 * width}, stride), block({21, width}, stride),
                                 block({21, width}, stride)},
                      .differentiated = {0}};
    };
    check(blocks(32, 128), DType::bf16);
    check(blocks(32, 129), DType::bf16);
    check(blocks(12, 48), DType::f16);
}

TEST_CASE("CudaAttentionAgreesWithTheCpuInF32") {
    check_order(attention({.batch = 2, .head_dim = 20, .value_dim = 12},
                          {.heads = 4, .kv_heads = 2, .queries = 37, .keys = 37}),
                DType::f32);
    check(attention({.head_dim = 6, .value_dim = 33, .window = 5}, {.queries = 18, .keys = 36}),
          DType::f32);
}

TEST_CASE("EagerCudaAttentionAgreesWithTheCpu") {
    const AttentionShape shape{.batch = 2, .head_dim = 24, .value_dim = 40, .softcap = 2.0};
    const AttentionShape window{.batch = 1, .head_dim = 8, .value_dim = 8, .window = 7};
    const Shape square{2, 4, 35, 70};
    const std::vector<OpCase> cases{
        {.op = Scores{.shape = shape},
         .inputs = {real({70, 96}), block({140, 48}, 96), parameter({8, 4})}},
        {.op = Scores{.shape = window}, .inputs = {real({66, 16}), real({66, 16})}},
        {.op = Context{.shape = shape}, .inputs = {real(square), real({140, 80})}},
        {.op = Softmax{}, .inputs = {real({2, 3, 5, 150})}},
        {.op = Softmax{}, .inputs = {real({2, 3, 5, 7}), parameter({3})}},
    };
    for (const auto& c : cases) {
        INFO(name(c.op));
        for (const DType dtype : {DType::bf16, DType::f16}) check(c, dtype);
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
