#pragma once

#include <utility>
#include <vector>

#include "tests/support/op_case.h"

// Cases that every device's kernels are compared with the CPU's on. Sizes go through each way that
// a GPU's kernels read: 16 bytes or one element at a time, rows apart, a warp or a block a row.

namespace headroom::test {

inline OpInput given_ids(Shape shape, std::vector<double> values) {
    return {.shape = shape,
            .fill = Fill::values,
            .frozen = true,
            .dtype = DType::i32,
            .values = std::move(values)};
}

inline std::vector<OpCase> norm_cases() {
    std::vector<OpCase> cases;
    for (const auto kind : {NormKind::rms, NormKind::layer}) {
        const bool bias = kind == NormKind::layer;
        const auto add = [&](Norm op, OpInput x, std::int64_t width) {
            op.kind = kind;
            op.bias = bias;
            OpCase c{.op = op, .inputs = {x, parameter({width})}, .differentiated = {0}};
            if (bias) c.inputs.push_back(parameter({width}));
            cases.push_back(c);
        };
        add({}, real({5, 7}), 7);
        add({.gain_offset = 1.0}, block({37, 64}, 96), 64);
        add({.group = 16}, block({9, 48}, 72), 16);
        add({}, real({3, 1096}), 1096);
    }
    cases.push_back({.op = Norm{.residual = true, .branch_scale = 0.25},
                     .inputs = {real({20, 40}), real({20, 40}), parameter({40})},
                     .differentiated = {0, 1}});
    cases.push_back({.op = Norm{.kind = NormKind::layer, .residual = true, .bias = true},
                     .inputs = {real({70, 3}), real({70, 3}), parameter({3}), parameter({3})},
                     .differentiated = {1}});
    cases.push_back({.op = Norm{.residual = true},
                     .inputs = {real({2, 600}), block({2, 600}, 640), frozen({600})},
                     .differentiated = {0, 1}});
    // Teams that take many rows each, and rows of which shared memory holds few or none.
    for (const Shape& rows : {Shape{300, 64}, Shape{150, 528}, Shape{5, 16384}}) {
        cases.push_back({.op = Norm{.residual = true},
                         .inputs = {real(rows), real(rows), parameter({rows[1]})},
                         .differentiated = {0, 1}});
    }
    cases.push_back({.op = Norm{.kind = NormKind::layer, .bias = true},
                     .inputs = {real({150, 528}), parameter({528}), parameter({528})},
                     .differentiated = {0}});
    return cases;
}

inline std::vector<OpCase> elementwise_cases() {
    const StepScalars scalars{.seed = 7, .step = 3, .micro_step = 2};
    std::vector<OpCase> cases{
        {.op = Add{}, .inputs = {real({3, 37}), real({3, 37})}},
        {.op = Add{.scale = 0.5}, .inputs = {block({5, 32}, 48), real({5, 32})}},
        {.op = Dropout{.rate = 0.3, .site = 2},
         .inputs = {real({7, 37})},
         .scalars = scalars,
         .differentiated = {0}},
        {.op = Dropout{.rate = 0.1, .in_place = false},
         .inputs = {block({6, 40}, 64)},
         .scalars = scalars,
         .differentiated = {0}},
    };
    for (const auto to : {DType::f32, DType::bf16, DType::f16}) {
        cases.push_back({.op = Cast{.to = to}, .inputs = {real({4, 33})}});
    }
    return cases;
}

inline std::vector<OpCase> column_cases() {
    return {
        {.op = SplitColumns{.a = 8, .b = 5}, .inputs = {real({4, 13})}},
        {.op = SplitColumns{.a = 16, .b = 8, .c = 8}, .inputs = {real({5, 32})}},
        {.op = ScaleColumns{}, .inputs = {real({45, 40}), real({40})}},
        {.op = ScaleColumns{}, .inputs = {block({19, 7}, 16), real({7})}},
        {.op = GateRows{}, .inputs = {real({21, 40}), real({21, 1})}},
        {.op = GateRows{}, .inputs = {block({3, 9}, 16), real({3, 1})}},
        {.op = PoolRows{.sequence = 3}, .inputs = {frozen({12, 24})}},
    };
}

inline std::vector<OpCase> activation_cases() {
    using enum ActivationKind;
    std::vector<OpCase> cases{
        {.op = Activate{.gated = true, .routed = true},
         .inputs = {real({11, 40}), real({11, 40}), real({11})}},
        {.op = Activate{.gated = true, .packed = true, .routed = true},
         .inputs = {real({2, 1282}), real({2})}},
        {.op = Activate{.kind = gelu, .routed = true}, .inputs = {block({5, 24}, 40), real({5})}},
    };
    for (const auto kind : {relu, gelu, gelu_tanh, silu, tanh}) {
        cases.push_back({.op = Activate{.kind = kind}, .inputs = {real({3, 19})}});
        cases.push_back({.op = Activate{.kind = kind, .gated = true},
                         .inputs = {block({4, 32}, 64), real({4, 32})}});
        cases.push_back({.op = Activate{.kind = kind, .gated = true, .packed = true},
                         .inputs = {real({5, 48})}});
    }
    return cases;
}

inline std::vector<OpCase> rope_cases() {
    // The last is as exact far from the start of a sequence as near it.
    std::vector<OpCase> cases;
    for (const bool interleaved : {false, true}) {
        Rope op{.head_dim = 16, .rotary = 16, .interleaved = interleaved, .sequence = 7};
        cases.push_back({.op = op, .inputs = {real({14, 48}), real({14, 16})}});
        op = {.head_dim = 24,
              .rotary = 16,
              .tail = true,
              .theta = 500000.0,
              .interleaved = interleaved,
              .sequence = 20};
        cases.push_back({.op = op, .inputs = {block({20, 48}, 72), block({20, 24}, 72)}});
        op = {.head_dim = 10, .rotary = 6, .interleaved = interleaved, .sequence = 5};
        cases.push_back({.op = op, .inputs = {real({5, 30}), real({5, 10})}});
        op = {.head_dim = 8,
              .rotary = 8,
              .scaling = RopeScalingKind::yarn,
              .factor = 4.0,
              .high = 32.0,
              .attention = 1.1,
              .original = 8,
              .interleaved = interleaved,
              .sequence = 300};
        cases.push_back({.op = op, .inputs = {real({600, 8}), real({600, 8})}});
    }
    cases.push_back(
        {.op = Rope{.head_dim = 2, .rotary = 2, .sequence = 4000}, .inputs = {real({4000, 2})}});
    return cases;
}

inline std::vector<OpCase> embedding_cases() {
    // Gradients: runs of one id that end in their chunk, cross one, and fill several; ids wider
    // than one pass of the sort; ids of other shards of the vocabulary.
    std::vector<double> tokens;
    for (int i = 0; i < 700; ++i) tokens.push_back(i % 7 == 0 ? 1500 : (i % 3 == 0 ? i : 4));
    return {
        {.op = Embedding{}, .inputs = {ids({37}, 11), parameter({11, 24})}},
        {.op = Embedding{.scale = 3.0}, .inputs = {ids({5}, 9), parameter({9, 7})}},
        {.op = Embedding{}, .inputs = {given_ids({6}, {3, -1, 3, 7, 99, 3}), parameter({7, 16})}},
        {.op = Embedding{}, .inputs = {given_ids({700}, tokens), parameter({1600, 8})}},
        {.op = Embedding{}, .inputs = {ids({300}, 2), parameter({2, 24})}},
        {.op = AddEmbedding{}, .inputs = {real({9, 16}), ids({9}, 3), parameter({3, 16})}},
        {.op = AddEmbedding{}, .inputs = {block({4, 10}, 17), ids({4}, 6), parameter({6, 10})}},
    };
}

inline std::vector<OpCase> routing_cases() {
    std::vector<OpCase> cases;
    struct Sizes {
        std::int64_t tokens;
        std::int64_t experts;
        std::int64_t k;
        std::int64_t width;
    };
    for (const auto& [tokens, experts, k, width] :
         {Sizes{1, 4, 1, 8}, Sizes{30, 5, 2, 24}, Sizes{301, 70, 5, 7}}) {
        for (const auto score : {ScoreKind::softmax, ScoreKind::sigmoid}) {
            for (const bool normalize : {false, true}) {
                const TopK op{.k = k,
                              .score = score,
                              .normalize = normalize,
                              .scale = 2.5,
                              .aux = 0.01,
                              .z = 0.001};
                cases.push_back({.op = op,
                                 .inputs = {real({tokens, experts})},
                                 .scalars = {.auxiliary_scale = 4.0F},
                                 .differentiated = {1}});
            }
        }
        for (const std::int64_t slots : {0, 3, 40}) {
            cases.push_back(
                {.op = Permute{.experts = experts, .slots = slots},
                 .inputs = {real({tokens, width}), ids({tokens, k}, experts), real({tokens, k})},
                 .differentiated = {0, 1}});
        }
    }
    // Two copies of five tokens; the last row holds none.
    for (const std::int64_t width : {16, 5}) {
        cases.push_back({.op = Unpermute{.tokens = 5},
                         .inputs = {real({8, width}), given_ids({8}, {7, 0, 3, 9, 5, 1, 8, -1})}});
    }
    return cases;
}

/// Fake quantization, and the gradient of weights: of any dtype, whatever x's. Every device gives
/// the same bits.
inline std::vector<OpCase> fake_quantize_cases() {
    struct Sizes {
        OpInput x;
        std::int64_t group;
    };
    // Groups for lanes of a warp, one or two loads each, and one by one; for a block, kept, read
    // twice and one by one; more groups than there are teams; last groups that are shorter.
    const std::vector<Sizes> sizes{
        {real({5, 7}), 0},        {real({3, 37}), 5},          {real({4, 72}), 32},
        {real({300, 264}), 32},   {block({6, 64}, 96), 32},    {block({3, 256}, 264), 128},
        {block({4, 33}, 35), 32}, {real({2, 3, 40}), 16},      {real({2, 1024}), 512},
        {real({3, 512}), 256},    {real({2, 201}), 200},       {real({3, 301}), 0},
        {real({2, 1600}), 1000},  {real({150, 528}), 0},       {block({3, 4096}, 4104), 0},
        {real({1, 16400}), 0},    {real({3, 40}), 100},        {real({7, 96}), 20},
        {real({200, 256}), 32},   {block({2, 1000}, 1001), 0}, {real({2, 4104}), 2000},
        {real({1, 1}), 0},
    };
    std::vector<OpCase> cases;
    for (const auto& [x, group] : sizes) {
        for (const bool symmetric : {false, true}) {
            const FakeQuantization to{
                .bits = symmetric ? 4 : 8, .group = group, .symmetric = symmetric};
            cases.push_back({.op = FakeQuantize{.to = to}, .inputs = {x}, .differentiated = {0}});
            OpInput gradient = frozen(x.shape);
            gradient.dtype = symmetric ? DType::f32 : DType::bf16;
            cases.push_back({.op = FakeQuantizeGrad{.to = to},
                             .inputs = {x, gradient},
                             .phase = Phase::update});
        }
    }
    return cases;
}

inline std::vector<OpCase> other_cases() {
    using enum CollectiveKind;
    std::vector<OpCase> cases{
        {.op = LatentKv{.nope = 16, .v_dim = 8}, .inputs = {real({7, 72}), block({7, 8}, 24)}},
        {.op = LatentKv{.nope = 5, .v_dim = 3}, .inputs = {real({4, 16}), real({4, 2})}},
        {.op = DoraNorm{.scale = 2.0},
         .inputs = {frozen({9, 40}), frozen({4, 40}), frozen({9, 4}), parameter({9})},
         .differentiated = {0}},
        {.op = DoraNorm{.scale = 0.5},
         .inputs = {frozen({3, 7}), frozen({2, 7}), frozen({3, 2}), parameter({3})},
         .differentiated = {0}},
        {.op = Collective{.kind = all_to_all, .size = 2, .columns = 24},
         .inputs = {frozen({8, 12})}},
        {.op = Collective{.kind = all_to_all, .size = 2, .rows = 5}, .inputs = {frozen({8, 12})}},
        {.op = CopyToGroup{}, .inputs = {frozen({3, 8})}},
    };
    for (const auto kind : {all_reduce, all_gather, reduce_scatter, all_to_all}) {
        cases.push_back({.op = Collective{.kind = kind, .size = 4}, .inputs = {frozen({8, 12})}});
    }
    for (const auto dtype : {DType::f32, DType::bf16, DType::f16}) {
        cases.push_back({.op = Receive{.rows = 5, .columns = 33, .dtype = dtype},
                         .scalars = {.seed = 3, .step = 9, .micro_step = 1}});
    }
    return cases;
}

}  // namespace headroom::test
