#include <array>

#include "planner/engine/rows.h"

namespace headroom {
namespace {

/// The shard that stays is the fp32 master; its gradient is an fp32 shard.
constexpr StateBytes kShardedMaster{.weight = 2.0,
                                    .gradient = 4.0,
                                    .master = 4.0,
                                    .moments = 8.0,
                                    .weight_sharded_as_master = true};

/// torchtitan: its run scripts set expandable segments since October 2024 (a5e57e4a9).
constexpr std::array kFsdpRows{
    Engine{.id = "fsdp",
           .version = "torchtitan",
           .framework = "torchtitan",
           .describes = "PyTorch FSDP2 with torch.compile, as torchtitan sets it up",
           .decomposition = {.norm = NormStyle::fused,
                             .final_norm = NormStyle::upcast,
                             .gate = GateStyle::fused,
                             .loss = LossStyle::compiled},
           .states = kShardedMaster,
           .buffers = {.workspaces = mebibytes(32)},
           .weight_gradient = WeightGradient::unsharded,
           .gathering = Gathering::fsdp2,
           .launch = Launch::compiled,
           .segments = SegmentGrowth::expandable,
           .cudnn_on_blackwell = true},  // models/attention.py, since 6fc499f
    Engine{.id = "fsdp",
           .version = "torchtitan-2024",
           .framework = "torchtitan",
           .describes = "torchtitan of 2024: compiled layers, the loss in eager mode",
           .decomposition = {.norm = NormStyle::fused,
                             .final_norm = NormStyle::upcast,
                             .gate = GateStyle::fused,
                             .loss = LossStyle::eager,
                             .split_loss = LossStyle::loss_parallel},
           .states = kShardedMaster,
           .buffers = {.workspaces = mebibytes(32)},
           .weight_gradient = WeightGradient::unsharded,
           .gathering = Gathering::fsdp2,
           .launch = Launch::compiled,
           .segments = SegmentGrowth::expandable},
    Engine{.id = "fsdp",
           .version = "torchtitan-eager",
           .framework = "torchtitan",
           .describes = "torchtitan without torch.compile",
           .decomposition = {.norm = NormStyle::upcast,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::eager,
                             .split_loss = LossStyle::loss_parallel},
           .states = kShardedMaster,
           .buffers = {.workspaces = mebibytes(32)},
           .weight_gradient = WeightGradient::unsharded,
           .gathering = Gathering::fsdp2,
           .launch = Launch::eager,
           .segments = SegmentGrowth::expandable},
    Engine{.id = "fsdp",
           .version = "llm-foundry",
           .framework = "llm-foundry",
           .describes = "PyTorch FSDP1 through Composer, as llm-foundry sets it up",
           .decomposition = {.norm = NormStyle::fused,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::eager},
           .states = kShardedMaster,
           .buffers = {.workspaces = mebibytes(16)},
           .weight_gradient = WeightGradient::unsharded,
           .gathering = Gathering::fsdp1,
           .launch = Launch::eager,
           .attention = AttentionKernel::triton},
    Engine{.id = "fsdp",
           .version = "fsdp1",
           .framework = "fsdp1",
           .describes = "PyTorch FSDP1 with compiled blocks",
           .decomposition = {.norm = NormStyle::upcast,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::eager},
           .states = kShardedMaster,
           .buffers = {.workspaces = mebibytes(16)},
           .weight_gradient = WeightGradient::unsharded,
           .gathering = Gathering::fsdp1,
           .launch = Launch::compiled},
};

}  // namespace

std::span<const Engine> fsdp_rows() { return kFsdpRows; }

}  // namespace headroom
