#include <array>

#include "planner/engine/rows.h"

namespace headroom {
namespace {

/// lit_gpt: one packed query, key and value; rotated ones are new tensors; Fabric returns fp32
/// logits as a list and quantizes every linear layer, the head too, from fp16.
constexpr Decomposition litgpt(NormStyle norm) {
    return {.norm = norm,
            .gate = GateStyle::two_ops,
            .loss = LossStyle::listed,
            .attention = {.repeats_kv = true, .packed_view = true, .output = OutputCopy::always},
            .keeps_quantized_input = true,
            .dequantizes_twice = true,
            .quantizes_head = true};
}
constexpr FrameworkBuffers kLitgptBuffers{.workspaces = mebibytes(16), .unsharded_gradients = true};

/// Its full recipes on several GPUs shard tok_embeddings and output (custom_sharded_layers).
constexpr FrameworkBuffers kTorchtuneBuffers{.workspaces = mebibytes(32), .outer_apart = true};

constexpr std::array kRecipeRows{
    Engine{.id = "torchtune",
           .version = "recipe",
           .framework = "torchtune",
           .describes = "torchtune's fine-tuning recipes",
           .decomposition = {.norm = NormStyle::upcast,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::eager,
                             .chunk_loss = LossStyle::chunked_logits,
                             .attention = {.repeats_kv = true}},
           .states = kHalfStates,
           .buffers = kTorchtuneBuffers,
           .weight_gradient = WeightGradient::own,
           .gathering = Gathering::fsdp2,
           .launch = Launch::eager,
           .double_quant = true},
    // Its plain cross-entropy stays eager: compile_loss returns a new module, which
    // full_finetune_single_device.py of November 2024 drops.
    Engine{.id = "torchtune",
           .version = "compiled",
           .framework = "torchtune",
           .describes = "torchtune's recipes with torch.compile",
           .decomposition = {.norm = NormStyle::fused,
                             .final_norm = NormStyle::upcast,
                             .gate = GateStyle::fused,
                             .loss = LossStyle::eager,
                             .chunk_loss = LossStyle::chunked_logits,
                             .attention = {.repeats_kv = true}},
           .states = kHalfStates,
           .buffers = kTorchtuneBuffers,
           .weight_gradient = WeightGradient::own,
           .gathering = Gathering::fsdp2,
           .launch = Launch::compiled,
           .double_quant = true},
    Engine{.id = "litgpt",
           .version = "recipe",
           .framework = "litgpt",
           .describes = "litgpt's fine-tuning recipes of 2024",
           .decomposition = litgpt(NormStyle::composite),
           .states = kHalfStates,
           .buffers = kLitgptBuffers,
           .weight_gradient = WeightGradient::own,
           .gathering = Gathering::fsdp1,
           .launch = Launch::eager},
    Engine{.id = "litgpt",
           .version = "2023",
           .framework = "litgpt",
           .describes = "lit-gpt of October 2023 on torch 2.1: norms in 16 bit",
           .decomposition = litgpt(NormStyle::half),
           .states = kHalfStates,
           .buffers = kLitgptBuffers,
           .weight_gradient = WeightGradient::own,
           .gathering = Gathering::fsdp1,
           .launch = Launch::eager},
};

}  // namespace

std::span<const Engine> recipe_rows() { return kRecipeRows; }

}  // namespace headroom
