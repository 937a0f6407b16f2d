#include <array>

#include "planner/engine/rows.h"

namespace headroom {
namespace {

constexpr std::array kDeepspeedRows{
    Engine{.id = "deepspeed",
           .version = "zero",
           .framework = "deepspeed",
           .describes = "DeepSpeed ZeRO 1 to 3 with its default buckets",
           .decomposition = {.norm = NormStyle::fused,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::eager},
           .states = {.weight = 2.0, .gradient = 2.0, .master = 4.0, .moments = 8.0},
           .buffers = {.workspaces = mebibytes(16),
                       .bucket_elements = 5.0e8,
                       .bucket_copies = 2.0,
                       .gathered_units = 2},
           .weight_gradient = WeightGradient::bucketed,
           .launch = Launch::eager,
           .dropout = 0.1},
    Engine{.id = "deepspeed",
           .version = "zero-2021",
           .framework = "deepspeed",
           .describes = "DeepSpeed of 2021: ZeRO-3 parameter by parameter",
           .decomposition = {.norm = NormStyle::fused,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::eager},
           .states = {.weight = 2.0, .gradient = 2.0, .master = 4.0, .moments = 8.0},
           .buffers = {.workspaces = mebibytes(16),
                       .bucket_elements = 5.0e8,
                       .bucket_copies = 2.0,
                       .gathered_units = 2},
           .weight_gradient = WeightGradient::bucketed,
           .collectives = CollectiveGrain::parameter,
           .launch = Launch::eager,
           .dropout = 0.1},
    Engine{.id = "deepspeed",
           .version = "llamafactory",
           .framework = "deepspeed",
           .describes = "LLaMA-Factory on DeepSpeed with Liger kernels",
           .decomposition = {.norm = NormStyle::fused,
                             .gate = GateStyle::fused,
                             .loss = LossStyle::chunked},
           .states = {.weight = 2.0, .gradient = 2.0, .master = 4.0, .moments = 8.0},
           .buffers = {.workspaces = mebibytes(16), .gathered_units = 2},
           .weight_gradient = WeightGradient::bucketed,
           .launch = Launch::eager},
};

}  // namespace

std::span<const Engine> deepspeed_rows() { return kDeepspeedRows; }

}  // namespace headroom
