#pragma once

#include <vector>

#include "tests/support/op_case.h"

// Cases of attention that every device's kernels are compared with the CPU's on.

namespace headroom::test {

/// Heads and lengths of one attention.
struct AttentionSizes {
    std::int64_t heads = 2;
    std::int64_t kv_heads = 2;
    std::int64_t queries = 17;
    std::int64_t keys = 17;
};

inline OpCase attention(const AttentionShape& shape, const AttentionSizes& sizes) {
    return {.op = Attention{.shape = shape},
            .inputs = {real({shape.batch * sizes.queries, sizes.heads * shape.head_dim}),
                       real({shape.batch * sizes.keys, sizes.kv_heads * shape.head_dim}),
                       real({shape.batch * sizes.keys, sizes.kv_heads * shape.value_dim})},
            .differentiated = {0}};
}

/// With a relative bias and sinks that have gradients.
inline OpCase biased(const AttentionShape& shape, const AttentionSizes& sizes) {
    OpCase c = attention(shape, sizes);
    c.op = Attention{.shape = shape, .relative_bias = true, .sinks = true};
    c.inputs.push_back(parameter({8, sizes.heads}));
    c.inputs.push_back(parameter({sizes.heads}));
    return c;
}

inline std::vector<OpCase> head_size_cases() {
    struct Dims {
        std::int64_t head;
        std::int64_t value;
    };
    const AttentionSizes sizes{.heads = 1, .kv_heads = 1, .queries = 35, .keys = 35};
    std::vector<OpCase> cases;
    for (const auto& dims : {Dims{64, 64}, Dims{80, 80}, Dims{96, 64}, Dims{128, 128},
                             Dims{192, 128}, Dims{256, 256}, Dims{40, 24}}) {
        cases.push_back(attention({.head_dim = dims.head, .value_dim = dims.value}, sizes));
    }
    return cases;
}

/// Window, both sides of a window, all keys, fewer queries than keys from both ends.
inline std::vector<OpCase> mask_cases() {
    const AttentionSizes many{.heads = 1, .kv_heads = 1, .queries = 150, .keys = 150};
    const AttentionSizes dealt{.heads = 1, .kv_heads = 1, .queries = 75, .keys = 150};
    const AttentionSizes few{.heads = 1, .kv_heads = 1, .queries = 9, .keys = 70};
    return {
        attention({.head_dim = 16, .value_dim = 16, .window = 20}, many),
        attention({.head_dim = 16, .value_dim = 16, .causal = false, .window = 20}, many),
        attention({.head_dim = 16, .value_dim = 16, .causal = false}, many),
        attention({.head_dim = 16, .value_dim = 16}, dealt),
        attention({.head_dim = 16, .value_dim = 16, .window = 9}, dealt),
        attention({.head_dim = 16, .value_dim = 16, .causal = false}, few),
    };
}

inline std::vector<OpCase> score_cases() {
    const AttentionSizes sizes{.heads = 3, .kv_heads = 1, .queries = 40, .keys = 40};
    return {
        attention({.head_dim = 16, .value_dim = 16, .softcap = 2.0, .scale = 0.5}, sizes),
        attention({.head_dim = 16, .value_dim = 16, .alibi = true}, sizes),
        biased({.head_dim = 16, .value_dim = 16, .softcap = 3.0}, sizes),
        biased({.head_dim = 16, .value_dim = 16, .causal = false}, sizes),
    };
}

/// Fused q, k and v: rows lie apart. The second does not allow 16-byte copies.
inline std::vector<OpCase> fused_cases() {
    std::vector<OpCase> cases;
    struct Block {
        std::int64_t width;
        std::int64_t stride;
    };
    for (const auto& [width, stride] : {Block{32, 128}, Block{32, 129}, Block{12, 48}}) {
        cases.push_back({.op = Attention{.shape = {.head_dim = width, .value_dim = width}},
                         .inputs = {block({21, 2 * width}, stride), block({21, width}, stride),
                                    block({21, width}, stride)},
                         .differentiated = {0}});
    }
    return cases;
}

/// Heads of 64 and 128 that tiles of wgmma take: masks, and lengths that end within a tile.
inline std::vector<OpCase> wgmma_cases() {
    const AttentionShape narrow{.head_dim = 64, .value_dim = 64};
    const AttentionShape wide{.head_dim = 128, .value_dim = 128};
    const auto with = [](AttentionShape shape, bool causal, std::int64_t window) {
        shape.causal = causal;
        shape.window = window;
        return shape;
    };
    const AttentionSizes grouped{.heads = 2, .kv_heads = 1, .queries = 140, .keys = 140};
    const AttentionSizes many{.heads = 1, .kv_heads = 1, .queries = 270, .keys = 270};
    const AttentionSizes dealt{.heads = 1, .kv_heads = 1, .queries = 75, .keys = 150};
    const AttentionSizes few{.heads = 1, .kv_heads = 1, .queries = 9, .keys = 270};
    return {attention(narrow, grouped),
            attention(wide, grouped),
            attention(with(narrow, true, 60), many),
            attention(with(narrow, false, 20), many),
            attention(with(wide, false, 0), many),
            attention(wide, dealt),
            attention(with(narrow, false, 0), few),
            {.op = Attention{.shape = narrow},  // columns of one matrix
             .inputs = {block({140, 128}, 256), block({140, 64}, 256), block({140, 64}, 256)},
             .differentiated = {0}}};
}

/// Scores that are tensors.
inline std::vector<OpCase> eager_cases() {
    const AttentionShape shape{.batch = 2, .head_dim = 24, .value_dim = 40, .softcap = 2.0};
    const AttentionShape window{.batch = 1, .head_dim = 8, .value_dim = 8, .window = 7};
    const Shape square{2, 4, 35, 70};
    return {
        {.op = Scores{.shape = shape},
         .inputs = {real({70, 96}), block({140, 48}, 96), parameter({8, 4})}},
        {.op = Scores{.shape = window}, .inputs = {real({66, 16}), real({66, 16})}},
        {.op = Context{.shape = shape}, .inputs = {real(square), real({140, 80})}},
        {.op = Softmax{}, .inputs = {real({2, 3, 5, 150})}},
        {.op = Softmax{}, .inputs = {real({2, 3, 5, 7}), parameter({3})}},
    };
}

}  // namespace headroom::test
