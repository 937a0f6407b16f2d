#pragma once

#include <string_view>
#include <vector>

#include "planner/step/op.h"
#include "planner/step/step_graph.h"
#include "planner/step/tensor.h"

// What bench/kernels measures.

namespace headroom {

struct Input {
    Shape shape{};
    DType dtype = DType::bf16;
    bool parameter = false;
};
struct Case {
    std::string_view name{};
    Op op{};
    std::vector<Input> inputs{};
    Phase phase = Phase::forward;        ///< forward: backward ops are measured, too
    std::vector<std::size_t> outputs{};  ///< inputs that it writes into; empty: it makes its own
};

/// Sizes of a device's cases: large enough that nothing stays in a cache.
struct Sizes {
    std::int64_t tokens;
    std::int64_t width;
    std::int64_t parameters;
    DType dtype;
};

inline std::vector<Case> cases(const Sizes& s) {
    const Input stream{{s.tokens, s.width}, s.dtype};
    const Input wide{{s.tokens, 4 * s.width}, s.dtype};
    const Input gain{{s.width}, s.dtype, true};
    const Input vector{{s.parameters}, s.dtype};
    const Input state{{s.parameters}, DType::f32};
    const AttentionShape shape{.batch = 1, .head_dim = 128, .value_dim = 128};
    // As in Llama 3: four query heads a key head, sequences of an eighth of the tokens.
    const AttentionShape short_shape{.batch = 8, .head_dim = 128, .value_dim = 128};
    const Input grouped{{s.tokens, s.width / 4}, s.dtype};
    AttentionShape narrow_shape = short_shape;
    narrow_shape.head_dim = narrow_shape.value_dim = 64;
    const Input half{{s.tokens, s.width / 2}, s.dtype};
    const Input eighth{{s.tokens, s.width / 8}, s.dtype};
    const auto in_f32 = [](Input input) {
        input.dtype = DType::f32;
        return input;
    };
    // An adapter of rank 16 on matrices of 4096 x 4096 and 14336 x 4096 (Llama 3.1 8B).
    constexpr std::int64_t kRank = 16;
    const Input inner{{s.tokens, kRank}, s.dtype};
    const Input feed{{s.tokens, 7 * s.width / 2}, s.dtype};
    // (weights, gradient, sums, moments ...[, master]): f32 weights are their own master.
    Case adamw{"adamw",
               Update{.decayed = s.parameters},
               {vector, vector, {{2}, DType::f32}, state, state},
               Phase::update,
               {0, 3, 4}};
    if (s.dtype != DType::f32) {
        adamw.inputs.push_back(state);
        adamw.outputs = {0, 3, 4, 5};
    }
    return {
        {"copy", Transfer{}, {state}, Phase::update},
        {"copy of a stream", Transfer{}, {stream}, Phase::update},
        {"rms_norm", Norm{}, {stream, gain}},
        {"rms_norm + residual", Norm{.residual = true}, {stream, stream, gain}},
        {"layer_norm", Norm{.kind = NormKind::layer, .bias = true}, {stream, gain, gain}},
        {"swiglu", Activate{.gated = true}, {wide, wide}},
        {"gelu", Activate{.kind = ActivationKind::gelu}, {wide}},
        adamw,
        {"linear", Linear{}, {stream, {{4 * s.width, s.width}, s.dtype, true}}},
        {"adapter, x * A^T", Linear{}, {stream, {{kRank, s.width}, s.dtype, true}}},
        {"adapter, y + h * B^T",
         LinearAdd{.scale = 2.0},
         {stream, inner, {{s.width, kRank}, s.dtype, true}}},
        {"the same, wide",
         LinearAdd{.scale = 2.0},
         {feed, inner, {{feed.shape[1], kRank}, s.dtype, true}}},
        // What a kernel of ours leaves to the library: as many bytes but for h.
        {"adapter of rank 72",
         LinearAdd{.scale = 2.0},
         {stream, {{s.tokens, 72}, s.dtype}, {{s.width, 72}, s.dtype, true}}},
        {"adapter, dx + dh * A",
         LinearGradInput{.scale = 2.0},
         {inner, {{kRank, s.width}, s.dtype}, stream},
         Phase::backward},
        {"attention", Attention{.shape = shape}, {stream, stream, stream}},
        {"attention, short", Attention{.shape = short_shape}, {stream, grouped, grouped}},
        {"attention, heads of 64", Attention{.shape = narrow_shape}, {half, eighth, eighth}},
        {"attention, f32, of 64",
         Attention{.shape = narrow_shape},
         {in_f32(half), in_f32(eighth), in_f32(eighth)}},
        {"attention, f32, of 128",
         Attention{.shape = short_shape},
         {in_f32(stream), in_f32(grouped), in_f32(grouped)}},
        {"fake_quantize, groups of 32",
         FakeQuantize{.to = {.bits = 4, .group = 32}},
         {{{4 * s.width, s.width}, s.dtype}}},
        {"fake_quantize a token", FakeQuantize{.to = {.symmetric = false}}, {stream}},
        {"head_loss",
         HeadLoss{},
         {stream, {{32000, s.width}, s.dtype, true}, {{s.tokens}, DType::i32}}},
        {"head_loss beside a teacher",
         HeadLoss{.teacher = {.on = true, .temperature = 2.0, .weight = 0.5}},
         {stream,
          {{32000, s.width}, s.dtype, true},
          {{s.tokens}, DType::i32},
          stream,
          {{32000, s.width}, s.dtype}}},
    };
}

}  // namespace headroom
