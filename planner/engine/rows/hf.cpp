#include <array>

#include "planner/engine/rows.h"

namespace headroom {
namespace {

constexpr std::array kHfRows{
    Engine{.id = "hf",
           .version = "trainer",
           .framework = "hf",
           .describes = "transformers with accelerate, PEFT and bitsandbytes",
           .decomposition = {.norm = NormStyle::upcast,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::eager,
                             .attention = {.repeats_kv = true},
                             .adapter_sums = true},
           .states = kHalfStates,
           .buffers = {.workspaces = mebibytes(16)},
           .weight_gradient = WeightGradient::own,
           .launch = Launch::eager},
    // utils/__init__.py sets expandable_segments and roundup_power2_divisions:16; PEFT keeps
    // adapters in fp32; FlashAttention 2 takes grouped heads as they are.
    Engine{
        .id = "hf",
        .version = "axolotl",
        .framework = "hf",
        .describes = "axolotl: transformers, PEFT and bitsandbytes with its allocator settings",
        .decomposition = {.norm = NormStyle::upcast,
                          .gate = GateStyle::two_ops,
                          .loss = LossStyle::eager,
                          .adapter_sums = true},
        .states =
            {.weight = 2.0, .gradient = 2.0, .master = 0.0, .moments = 4.0, .fp32_adapters = true},
        .buffers = {.workspaces = mebibytes(16), .whole_scales = true},
        .weight_gradient = WeightGradient::own,
        .gathering = Gathering::fsdp2,
        .launch = Launch::eager,
        .segments = SegmentGrowth::expandable,
        .size_divisions = 16,
        .double_quant = true},
    // transformers before 4.45, bitsandbytes 0.43.0; train.py holds the outputs until the step is
    // done and steps with foreach AdamW (one 16-bit temporary).
    Engine{.id = "hf",
           .version = "fsdp-qlora",
           .framework = "fsdp-qlora",
           .describes = "fsdp_qlora: transformers under FSDP1 with bitsandbytes weights",
           .decomposition = {.norm = NormStyle::upcast,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::shifted_eager,
                             .attention = {.repeats_kv = true},
                             .keeps_quantized_input = true,
                             .adapter_sums = true},
           .states = {.weight = 2.0,
                      .gradient = 2.0,
                      .master = 0.0,
                      .moments = 4.0,
                      .update_temporaries = 2.0},
           .buffers = {.workspaces = mebibytes(16),
                       .whole_scales = true,
                       .adapters_apart = true,
                       .broadcasts_weights = true},
           .weight_gradient = WeightGradient::own,
           .gathering = Gathering::fsdp1,
           .launch = Launch::eager,
           .double_quant = true},
};

}  // namespace

std::span<const Engine> hf_rows() { return kHfRows; }

}  // namespace headroom
