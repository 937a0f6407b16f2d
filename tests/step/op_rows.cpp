#include "tests/step/op_rows.h"

namespace headroom {
namespace {

constexpr DType kF32 = DType::f32;
constexpr DType kI32 = DType::i32;

constexpr TensorSpec f32(Shape shape) { return {shape, kF32}; }
constexpr TensorSpec i32(Shape shape) { return {shape, kI32}; }
constexpr TensorSpec bf16(Shape shape) { return {shape, DType::bf16}; }

/// 2 sequences of 8 tokens, 4 heads of 16 for q and 2 for k and v.
constexpr AttentionShape kCausal{.batch = 2, .head_dim = 16, .value_dim = 16};
constexpr AttentionShape kFull{.batch = 2, .head_dim = 16, .value_dim = 16, .causal = false};
constexpr AttentionShape kWindow{.batch = 2, .head_dim = 16, .value_dim = 16, .window = 4};
constexpr AttentionShape kNarrow{.batch = 2, .head_dim = 16, .value_dim = 8};
constexpr TensorSpec kQ = bf16({16, 64});
constexpr TensorSpec kKv = bf16({16, 32});
constexpr TensorSpec kScores = bf16({2, 4, 8, 8});
constexpr TensorSpec kLse = f32({16, 4});

// One product of queries and keys: 2 flop * 4 heads * 16 dims * pairs; of the pairs 2 * 8 * 8 / 2
// are below the diagonal, by the usual count. A kernel computes the diagonal as well: the n-th
// query has n keys, four at most inside the window.
constexpr double kPair = 2.0 * 4 * 16 * 2;
constexpr double kSquare = kPair * 64;
constexpr double kHalf = kSquare / 2;
constexpr double kBand = kPair * (8 * 4 - 8);
constexpr double kComputed = kPair * (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8);
constexpr double kComputedBand = kPair * (1 + 2 + 3 + 4 + 4 + 4 + 4 + 4);

// Expert layer: 6 tokens, 2 experts each, so 12 rows; 4 experts of (24, 16).
constexpr TensorSpec kRows = bf16({12, 16});
constexpr TensorSpec kExperts = bf16({4, 24, 16});
constexpr TensorSpec kCounts = i32({4});

std::vector<OpRow> linear_rows() {
    const TensorSpec x = bf16({8, 16});
    const TensorSpec weight = bf16({32, 16});
    const TensorSpec dy = bf16({8, 32});
    const double product = 2.0 * 8 * 16 * 32;
    return {
        {Linear{}, {x, weight}, product, product, {}, {{8, 32}}},
        {Linear{}, {x, weight, bf16({32})}, product, product, {}, {{8, 32}}},
        {LinearAdd{}, {dy, x, weight}, product, product, {}, {{8, 32}}},
        {LinearGradInput{}, {dy, weight}, product, product, {}, {{8, 16}}},
        {LinearGradInput{}, {dy, weight, x}, product, product, {}, {{8, 16}}},
        {LinearGradWeight{}, {x, dy}, product, product, {f32({32, 16})}, {}},
        {BiasGrad{}, {dy}, 0, 0, {f32({32})}, {}},
        {GroupedLinear{}, {kRows, kExperts, kCounts}, 9216, 9216, {}, {{12, 24}}},
        {GroupedGradInput{}, {bf16({12, 24}), kExperts, kCounts}, 9216, 9216, {}, {{12, 16}}},
        {GroupedGradWeight{}, {kRows, bf16({12, 24}), kCounts}, 9216, 9216, {f32({4, 24, 16})}, {}},
        {GroupedGradWeight{.bias = true},
         {kRows, bf16({12, 24}), kCounts},
         0,
         0,
         {f32({4, 24})},
         {}},
    };
}

std::vector<OpRow> attention_rows() {
    return {
        {Attention{kFull}, {kQ, kKv, kKv}, 2 * kSquare, 2 * kSquare, {}, {{16, 64}, {16, 4}}},
        {Attention{kCausal}, {kQ, kKv, kKv}, 2 * kHalf, 2 * kComputed, {}, {{16, 64}, {16, 4}}},
        {Attention{kWindow}, {kQ, kKv, kKv}, 2 * kBand, 2 * kComputedBand, {}, {{16, 64}, {16, 4}}},
        {Attention{kNarrow},
         {kQ, kKv, bf16({16, 16})},
         1.5 * kHalf,
         1.5 * kComputed,
         {},
         {{16, 32}, {16, 4}}},
        {AttentionGrad{kCausal},
         {kQ, kKv, kKv, kQ, kLse, kQ},
         4 * kHalf,
         5 * kComputed,
         {},
         {{16, 64}, {16, 32}, {16, 32}, {16, 4}, {16, 64}}},
        {Scores{kCausal}, {kQ, kKv}, kHalf, kSquare, {}, {{2, 4, 8, 8}}},
        {ScoresGrad{kCausal}, {kQ, kKv, kScores}, 2 * kHalf, 2 * kSquare, {}, {{16, 64}, {16, 32}}},
        {Softmax{}, {kScores}, 0, 0, {}, {{2, 4, 8, 8}}},
        {SoftmaxGrad{}, {kScores, kScores}, 0, 0, {}, {{2, 4, 8, 8}}},
        {Context{kCausal}, {kScores, kKv}, kHalf, kSquare, {}, {{16, 64}}},
        {ContextGrad{kCausal},
         {kScores, kKv, kQ},
         2 * kHalf,
         2 * kSquare,
         {},
         {{2, 4, 8, 8}, {16, 32}}},
        {LatentKv{.nope = 12, .v_dim = 8},
         {bf16({16, 80}), bf16({16, 4})},
         0,
         0,
         {},
         {{16, 64}, {16, 32}}},
        {LatentKvGrad{.nope = 12, .rope = 4, .v_dim = 8},
         {bf16({16, 64}), bf16({16, 32})},
         0,
         0,
         {},
         {{16, 80}, {16, 4}}},
        {Rope{.head_dim = 16, .rotary = 16}, {kQ, kKv}, 0, 0, {}, {{16, 64}, {16, 32}}},
    };
}

std::vector<OpRow> routing_rows() {
    const TensorSpec logits = f32({6, 4});
    const TensorSpec weights = f32({6, 2});
    const TensorSpec experts = i32({6, 2});
    const TensorSpec x = bf16({6, 16});
    const TensorSpec map = i32({12});
    return {
        {TopK{.k = 2}, {logits}, 0, 0, {}, {{6, 4}, {6, 2}, {6, 2}, {6}}},
        {TopKGrad{}, {logits, weights, experts, f32({6}), weights}, 0, 0, {}, {{6, 4}}},
        {Permute{.experts = 4}, {x, experts, weights}, 0, 0, {}, {{12, 16}, {12}, {12}, {4}}},
        {Permute{.experts = 4, .slots = 5},
         {x, experts, weights},
         0,
         0,
         {},
         {{20, 16}, {20}, {20}, {4}}},
        {PermuteGrad{.tokens = 6, .k = 2}, {kRows, f32({12}), map}, 0, 0, {}, {{6, 16}, {6, 2}}},
        {Unpermute{.tokens = 6}, {kRows, map}, 0, 0, {}, {{6, 16}}},
        {UnpermuteGrad{}, {x, map}, 0, 0, {}, {{12, 16}}},
    };
}

std::vector<OpRow> loss_rows() {
    const TensorSpec x = bf16({8, 16});
    const TensorSpec head = bf16({100, 16});
    const TensorSpec targets = i32({8});
    const TensorSpec logits = bf16({8, 100});
    const double product = 2.0 * 8 * 16 * 100;
    return {
        {CrossEntropy{}, {logits, targets}, 0, 0, {}, {{8}, {8}}},
        {CrossEntropyGrad{}, {logits, targets, f32({8})}, 0, 0, {}, {{8, 100}}},
        {HeadLoss{.chunk = 3, .weight_gradient = true},
         {x, head, targets},
         3 * product,
         3 * product,
         {f32({100, 16})},
         {{8}, {8, 16}, {3, 100}}},
        {HeadLoss{.weight_gradient = false},
         {x, head, targets},
         2 * product,
         2 * product,
         {},
         {{8}, {8, 16}, {8, 100}}},
        {HeadLoss{.input_gradient = false, .weight_gradient = false},
         {x, head, targets},
         product,
         product,
         {},
         {{8}, {8, 100}}},
        {HeadLoss{.chunk = 3, .teacher = {.on = true}},
         {x, head, targets, bf16({8, 32}), bf16({100, 32})},
         2 * product + 2 * product,
         2 * product + 2 * product,
         {},
         {{8}, {8, 16}, {3, 100}, {3, 100}}},
    };
}

std::vector<OpRow> vector_rows() {
    const TensorSpec x = bf16({8, 16});
    const TensorSpec gain = bf16({16});
    const TensorSpec rstd = f32({8});
    return {
        {Embedding{}, {i32({8}), bf16({100, 16})}, 0, 0, {}, {{8, 16}}},
        {EmbeddingGrad{}, {i32({8}), x}, 0, 0, {f32({100, 16})}, {}},
        {AddEmbedding{}, {x, i32({8}), bf16({64, 16})}, 0, 0, {}, {{8, 16}}},
        {Norm{}, {x, gain}, 0, 0, {}, {{8, 16}, {8}}},
        {Norm{.kind = NormKind::layer, .residual = true},
         {x, x, gain},
         0,
         0,
         {},
         {{8, 16}, {8, 16}, {8}, {8}}},
        {Norm{.group = 4}, {x, bf16({4})}, 0, 0, {}, {{8, 16}, {32}}},
        {NormGrad{}, {x, x, gain, rstd}, 0, 0, {f32({16})}, {{8, 16}, {64, 16}}},
        {NormGrad{.parameters = false}, {x, x, gain, rstd}, 0, 0, {}, {{8, 16}}},
        {Activate{.gated = true}, {x, x}, 0, 0, {}, {{8, 16}}},
        {Activate{.gated = true, .packed = true}, {x}, 0, 0, {}, {{8, 8}}},
        {ActivateGrad{.gated = true}, {x, x, x}, 0, 0, {}, {{8, 16}, {8, 16}}},
        {ActivateGrad{.routed = true}, {x, f32({8}), x}, 0, 0, {}, {{8, 16}, {8}}},
        {Add{}, {x, x}, 0, 0, {}, {{8, 16}}},
        {Accumulate{}, {x, x}, 0, 0, {}, {{8, 16}}},
        {Dropout{}, {x}, 0, 0, {}, {{8, 16}, {8, 16}}},
        {DropoutGrad{}, {x, {{8, 16}, DType::u8}}, 0, 0, {}, {{8, 16}}},
        {Cast{}, {x}, 0, 0, {}, {{8, 16}}},
        {SplitColumns{.a = 12, .b = 4}, {x}, 0, 0, {}, {{8, 12}, {8, 4}}},
        {JoinColumns{}, {x, bf16({8, 4})}, 0, 0, {}, {{8, 20}}},
        {ScaleColumns{}, {x, f32({16})}, 0, 0, {}, {{8, 16}}},
        {ScaleColumnsGrad{}, {x, f32({16}), x}, 0, 0, {}, {{8, 16}, {16}}},
        {GateRows{}, {x, bf16({8, 1})}, 0, 0, {}, {{8, 16}}},
        {GateRowsGrad{}, {x, bf16({8, 1}), x}, 0, 0, {}, {{8, 16}, {8, 1}}},
        {PoolRows{.sequence = 4}, {x}, 0, 0, {}, {{2, 16}}},
    };
}

std::vector<OpRow> other_rows() {
    const TensorSpec x = bf16({8, 16});
    const TensorSpec flat = f32({64});
    const Collective gather{.kind = CollectiveKind::all_gather, .size = 4};
    const Collective scatter{.kind = CollectiveKind::reduce_scatter, .size = 4};
    const Collective exchange{.kind = CollectiveKind::all_to_all, .size = 4};
    const Collective heads{.kind = CollectiveKind::all_to_all, .size = 4, .columns = 4};
    const Collective send{.kind = CollectiveKind::send, .size = 2};
    return {
        {Collective{.size = 4}, {x}, 0, 0, {}, {{8, 16}}},
        {gather, {x}, 0, 0, {}, {{32, 16}}},
        {scatter, {x}, 0, 0, {}, {{2, 16}}},
        {exchange, {x}, 0, 0, {}, {{8, 16}}},
        {heads, {x}, 0, 0, {}, {{32, 4}}},
        {send, {x}, 0, 0, {}, {}},
        {Receive{.rows = 8, .columns = 16}, {}, 0, 0, {}, {{8, 16}}},
        {CopyToGroup{}, {x}, 0, 0, {}, {{8, 16}}},
        {Wait{}, {x}, 0, 0, {}, {}},
        {Transfer{}, {x}, 0, 0, {}, {{8, 16}}},
        {MaskGradient{}, {bf16({20}), {{3}, DType::u8}}, 0, 0, {}, {{20}}},
        {GradNorm{}, {flat, f32({2})}, 0, 0, {}, {{2}}},
        {Update{}, {flat, flat, f32({2})}, 0, 0, {flat}, {}},
        {Dequantize{}, {{{8, 16}, DType::nf4}, f32({2})}, 0, 0, {}, {{8, 16}}},
        {FakeQuantize{}, {x}, 0, 0, {}, {{8, 16}}},
        {FakeQuantizeGrad{}, {x, x}, 0, 0, {}, {{8, 16}}},
        {FakeQuantizeGrad{}, {x}, 0, 0, {f32({8, 16})}, {}},
        {DoraNorm{},
         {bf16({32, 16}), bf16({4, 16}), bf16({32, 4}), bf16({32})},
         0,
         2.0 * 32 * 16 * 4,
         {},
         {{32}, {32, 16}}},
        {DoraGrad{}, {f32({32}), f32({32}), bf16({32})}, 0, 0, {f32({32})}, {}},
    };
}

}  // namespace

std::vector<OpRow> op_rows() {
    std::vector<OpRow> rows;
    for (const auto& part : {linear_rows(), attention_rows(), routing_rows(), loss_rows(),
                             vector_rows(), other_rows()}) {
        rows.insert(rows.end(), part.begin(), part.end());
    }
    return rows;
}

}  // namespace headroom
