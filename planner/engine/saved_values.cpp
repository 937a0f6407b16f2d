#include "planner/engine/saved_values.h"

#include <array>

namespace headroom {
namespace {

/// x.float(), square (keeps it), mean by row, times rstd (keeps x), to 16 bit, times the gain
/// (keeps the normalised value where the gain is trained): transformers' LlamaRMSNorm, torchtune's
/// and torchtitan's RMSNorm.
constexpr std::array kUpcastNorm{
    ChainOp{.in = 0, .bytes = 4}, ChainOp{.in = 1, .bytes = 4, .keeps = Keeps::input},
    ChainOp{.in = 2, .bytes = 0}, ChainOp{.in = 1, .bytes = 4, .keeps = Keeps::input},
    ChainOp{.in = 4, .bytes = 2}, ChainOp{.in = 5, .bytes = 2, .keeps = Keeps::trained},
};
/// The same with the gain applied in fp32: litgpt since October 2023 (#606).
constexpr std::array kCompositeNorm{
    ChainOp{.in = 0, .bytes = 4},
    ChainOp{.in = 1, .bytes = 4, .keeps = Keeps::input},
    ChainOp{.in = 2, .bytes = 0},
    ChainOp{.in = 1, .bytes = 4, .keeps = Keeps::input},
    ChainOp{.in = 4, .bytes = 4, .keeps = Keeps::trained},
    ChainOp{.in = 5, .bytes = 2},
};
/// Without the cast, on torch 2.1, whose mean keeps its input (pytorch#109935): lit_gpt of 2023.
constexpr std::array kHalfNorm{
    ChainOp{.in = 0, .bytes = 2, .keeps = Keeps::input},
    ChainOp{.in = 1, .bytes = 0, .keeps = Keeps::input},
    ChainOp{.in = 0, .bytes = 2, .keeps = Keeps::input},
    ChainOp{.in = 3, .bytes = 2, .keeps = Keeps::trained},
};
/// silu(gate) keeps its input, the product keeps silu's output and the other factor.
constexpr std::array kTwoOpGate{
    ChainOp{.in = 0, .bytes = 2, .keeps = Keeps::input},
    ChainOp{.in = 1, .bytes = 2, .keeps = Keeps::input},
};

static_assert(kept_between(kUpcastNorm, Gain::trained) == 6);
static_assert(kept_between(kUpcastNorm, Gain::frozen) == 4);
static_assert(!keeps_value(kUpcastNorm, 0));
static_assert(kept_between(kCompositeNorm, Gain::trained) == 8);
static_assert(kept_between(kCompositeNorm, Gain::frozen) == 4);
static_assert(kept_between(kHalfNorm, Gain::frozen) == 2);
static_assert(keeps_value(kHalfNorm, 0));
static_assert(kept_between(kTwoOpGate) == 2);

/// The gradient in the chain's own width, its product with the statistics, and the square's.
constexpr int kNormGradients = 3;

NormSaves saves(std::span<const ChainOp> chain, Gain gain) {
    return {.between = kept_between(chain, gain),
            .input = keeps_value(chain, 0, gain),
            .backward = kNormGradients * chain.front().bytes};
}

/// By LossStyle.
constexpr std::array kLossRules{
    LossRules{.kind = LossKind::fused, .over = true},
    LossRules{.kind = LossKind::fused},
    LossRules{.kind = LossKind::unfused, .over = true},
    LossRules{.kind = LossKind::unfused, .over = true, .forward = 4},
    // log_softmax keeps its output (the graph's fp32 logits stand for it); nll's gradient and
    // log_softmax's are there at once.
    LossRules{.kind = LossKind::unfused, .forward = 4, .backward = 4},
    // The caller's fp32 logits, their contiguous shift, log-softmax.
    LossRules{.kind = LossKind::unfused, .forward = 4, .held = 4, .backward = 4},
    // Log-softmax, its gradient, its exponential and their sum
    // (torch/distributed/tensor/parallel/loss.py).
    LossRules{.kind = LossKind::unfused, .forward = 10, .backward = 8},
    LossRules{.kind = LossKind::unfused, .over = true, .in_pieces = true, .held = 4},
    LossRules{.kind = LossKind::fused, .over = true, .in_pieces = true},
    LossRules{.kind = LossKind::chunked, .over = true},
};

}  // namespace

NormSaves norm_saves(NormStyle style, Gain gain) {
    switch (style) {
        case NormStyle::fused:
            return {};
        case NormStyle::upcast:
            return saves(kUpcastNorm, gain);
        case NormStyle::composite:
            return saves(kCompositeNorm, gain);
        case NormStyle::half:
            return saves(kHalfNorm, gain);
    }
    return {};
}

int gate_saves(GateStyle style) {
    return style == GateStyle::two_ops ? kept_between(kTwoOpGate) : 0;
}

const LossRules& loss_rules(LossStyle style) { return kLossRules[static_cast<std::size_t>(style)]; }

LossStyle loss_style(const Engine& engine, const EngineSettings& settings,
                     const PlanRequest& request) {
    const auto& how = engine.decomposition;
    if (settings.loss_chunks > 0) return how.chunk_loss.value_or(LossStyle::chunked);
    return request.layout.tensor > 1 ? how.split_loss.value_or(how.loss) : how.loss;
}

}  // namespace headroom
