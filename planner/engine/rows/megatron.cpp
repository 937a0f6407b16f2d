#include <array>

#include "planner/engine/rows.h"

namespace headroom {
namespace {

/// Megatron-Core's optimizer: 16-bit weights, an fp32 gradient buffer, fp32 master and moments.
constexpr StateBytes kMainGradients{.weight = 2.0, .gradient = 4.0, .master = 4.0, .moments = 8.0};
/// Megatron-DeepSpeed with fp16: gradients stay in fp16.
constexpr StateBytes kHalfGradients{.weight = 2.0, .gradient = 2.0, .master = 4.0, .moments = 8.0};

constexpr std::array kRows{
    Engine{.id = "megatron",
           .version = "core",
           .framework = "megatron-core",
           .describes = "Megatron-Core with Transformer Engine (2024 on)",
           .decomposition = {.norm = NormStyle::fused,
                             .gate = GateStyle::fused,
                             .loss = LossStyle::fused},
           .states = kMainGradients,
           .buffers = {.dummy_weight_gradients = true,
                       .workspaces = mebibytes(96),
                       .outside = mebibytes(600)},
           .weight_gradient = WeightGradient::main,
           .launch = Launch::eager,
           .attention = AttentionKernel::native,
           .vocab_multiple = 128},
    Engine{.id = "megatron",
           .version = "core-2026",
           .framework = "megatron-core-2026",
           .describes = "Megatron-Core of 2026: parts of a layer in CUDA graphs",
           .decomposition = {.norm = NormStyle::fused,
                             .gate = GateStyle::fused,
                             .loss = LossStyle::fused},
           .states = kMainGradients,
           .buffers = {.dummy_weight_gradients = true,
                       .workspaces = mebibytes(96),
                       .outside = mebibytes(600)},
           .weight_gradient = WeightGradient::main,
           .launch = Launch::eager,
           .attention = AttentionKernel::native,
           .vocab_multiple = 128},
    Engine{.id = "megatron",
           .version = "2022",
           .framework = "megatron-2022",
           .describes = "Megatron-LM and Megatron-DeepSpeed of 2021 and 2022, no flash attention",
           .decomposition = {.norm = NormStyle::fused,
                             .gate = GateStyle::fused,
                             .loss = LossStyle::megatron},
           .states = kHalfGradients,
           .buffers = {.workspaces = mebibytes(16),
                       .bucket_elements = 5.0e8,
                       .flat_gradients = 2.0,
                       .outside = mebibytes(900)},
           .weight_gradient = WeightGradient::own,
           .launch = Launch::eager,
           .vocab_multiple = 128,
           .dropout = 0.1},
    Engine{.id = "megatron",
           .version = "internevo",
           .framework = "internevo",
           .describes = "InternEvo: Megatron's split with hybrid ZeRO groups",
           .decomposition = {.norm = NormStyle::upcast,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::eager},
           // Flattened fp16 and fp32 gradients beside the weights' own (HybridZeroOptimizer).
           .states = {.weight = 2.0, .gradient = 8.0, .master = 4.0, .moments = 8.0},
           .buffers = {.workspaces = mebibytes(16),
                       .bucket_elements = 5.0e8,
                       .outside = mebibytes(900)},
           .weight_gradient = WeightGradient::bucketed,
           .launch = Launch::eager},
    Engine{.id = "megatron",
           .version = "nanotron",
           .framework = "nanotron",
           .describes = "nanotron: Megatron's split in PyTorch modules",
           .decomposition = {.norm = NormStyle::fused,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::eager},
           // The weights' own gradients and the fp32 sums they are added to.
           .states = {.weight = 2.0, .gradient = 6.0, .master = 4.0, .moments = 8.0},
           .buffers = {.workspaces = mebibytes(32)},
           .weight_gradient = WeightGradient::bucketed,
           .launch = Launch::eager},
};

}  // namespace

std::span<const Engine> megatron_rows() { return kRows; }

}  // namespace headroom
