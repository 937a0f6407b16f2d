#include <array>

#include "planner/engine/rows.h"

namespace headroom {
namespace {

constexpr std::array kRows{
    Engine{.id = "torchtune",
           .version = "recipe",
           .framework = "torchtune",
           .describes = "torchtune's fine-tuning recipes",
           .decomposition = {.norm = NormStyle::composite,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::eager,
                             .repeats_kv = true},
           .states = {.weight = 2.0, .gradient = 2.0, .master = 0.0, .moments = 4.0},
           .buffers = {.workspaces = mebibytes(32)},
           .weight_gradient = WeightGradient::own,
           .launch = Launch::eager},
    Engine{.id = "torchtune",
           .version = "compiled",
           .framework = "torchtune",
           .describes = "torchtune's recipes with torch.compile",
           .decomposition = {.norm = NormStyle::fused,
                             .gate = GateStyle::fused,
                             .loss = LossStyle::compiled,
                             .repeats_kv = true},
           .states = {.weight = 2.0, .gradient = 2.0, .master = 0.0, .moments = 4.0},
           .buffers = {.workspaces = mebibytes(32)},
           .weight_gradient = WeightGradient::own,
           .launch = Launch::compiled},
    Engine{.id = "litgpt",
           .version = "recipe",
           .framework = "litgpt",
           .describes = "litgpt's fine-tuning recipes",
           .decomposition = {.norm = NormStyle::composite,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::chunked,
                             .repeats_kv = true},
           .states = {.weight = 2.0, .gradient = 2.0, .master = 0.0, .moments = 4.0},
           .buffers = {.workspaces = mebibytes(16), .loads_whole_model = true},
           .weight_gradient = WeightGradient::own,
           .launch = Launch::eager},
};

}  // namespace

std::span<const Engine> recipe_rows() { return kRows; }

}  // namespace headroom
