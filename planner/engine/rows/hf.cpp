#include <array>

#include "planner/engine/rows.h"

namespace headroom {
namespace {

constexpr std::array kRows{
    Engine{.id = "hf",
           .version = "trainer",
           .framework = "hf",
           .describes = "transformers with accelerate, PEFT and bitsandbytes",
           .decomposition = {.norm = NormStyle::upcast,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::shifted_eager,
                             .repeats_kv = true},
           .states = {.weight = 2.0, .gradient = 2.0, .master = 0.0, .moments = 4.0},
           .buffers = {.workspaces = mebibytes(16)},
           .weight_gradient = WeightGradient::own,
           .launch = Launch::eager},
    Engine{.id = "hf",
           .version = "fsdp-qlora",
           .framework = "fsdp-qlora",
           .describes = "fsdp_qlora: transformers under FSDP1 with bitsandbytes weights",
           .decomposition = {.norm = NormStyle::upcast,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::shifted_eager,
                             .repeats_kv = true},
           .states = {.weight = 2.0, .gradient = 2.0, .master = 0.0, .moments = 4.0},
           .buffers = {.workspaces = mebibytes(16), .gathered_units = 2},
           .weight_gradient = WeightGradient::unsharded,
           .launch = Launch::eager},
};

}  // namespace

std::span<const Engine> hf_rows() { return kRows; }

}  // namespace headroom
