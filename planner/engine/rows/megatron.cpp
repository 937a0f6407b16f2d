#include <array>

#include "planner/engine/rows.h"

namespace headroom {
namespace {

/// Megatron-Core's optimizer: 16-bit weights, an fp32 gradient buffer, fp32 master and moments.
/// Where the buffer is bf16, the update makes fp32 copies of this rank's part
/// (distrib_optimizer.py, _copy_model_grads_to_main_grads).
constexpr StateBytes kMainGradients{
    .weight = 2.0, .gradient = 4.0, .master = 4.0, .moments = 8.0, .copies_gradients = true};
/// Megatron-DeepSpeed with fp16: gradients stay in fp16; the update reads fp32 copies.
constexpr StateBytes kHalfGradients{
    .weight = 2.0, .gradient = 2.0, .master = 4.0, .moments = 8.0, .copies_gradients = true};
/// A sequence-parallel layer's launches in nanotron's forward pass, and the launches that CUDA
/// queues before the host waits.
constexpr std::int64_t kLaunchQueue = 1024;
constexpr std::int64_t kNanotronLaunches = 30;

constexpr Decomposition kCore{.norm = NormStyle::fused,
                              .gate = GateStyle::fused,
                              .loss = LossStyle::fused,
                              .attention = {.output = OutputCopy::batched_flash}};
/// Megatron-Core's own cross-entropy, fused or not, and Transformer Engine's from 2.18 on (#3193)
/// keep fp32 logits or an fp32 gradient.
constexpr Decomposition kCoreFloatLoss{.norm = NormStyle::fused,
                                       .gate = GateStyle::fused,
                                       .loss = LossStyle::megatron,
                                       .attention = {.output = OutputCopy::batched_flash}};
constexpr FrameworkBuffers kCoreBuffers{.dummy_weight_gradients = true,
                                        .workspaces = mebibytes(96),
                                        .flat_states = FlatStates::megatron,
                                        .outside = mebibytes(600)};

/// Versions of Megatron-Core differ by their loss and by whose timing applies.
constexpr Engine core(std::string_view version, std::string_view framework,
                      std::string_view describes, const Decomposition& decomposition,
                      ReportedStage measured = ReportedStage::worst) {
    return {.id = "megatron",
            .version = version,
            .framework = framework,
            .describes = describes,
            .decomposition = decomposition,
            .states = kMainGradients,
            .buffers = kCoreBuffers,
            .weight_gradient = WeightGradient::main,
            .measured = measured,
            .launch = Launch::eager,
            .attention = AttentionKernel::native,
            .loops_over_weights = true,
            .vocab_multiple = 128};
}

constexpr std::array kMegatronRows{
    core("core", "megatron-core", "Megatron-Core with Transformer Engine (2024 on)", kCore),
    core("core-2026", "megatron-core-2026",
         "Megatron-Core of 2026: parts of a layer in CUDA graphs", kCore),
    core("core-2026-08", "megatron-core-2026",
         "the same with Transformer Engine 2.18: the loss keeps an fp32 gradient", kCoreFloatLoss),
    // Unmeasured: the numbers of its family apply.
    core("hai-llm", "hai-llm", "DeepSeek's own trainer, as its report tells of it", kCore),
    // Its log line is rank 0's (train_utils.py).
    core("bridge", "megatron-core-2026", "Megatron-Bridge of 2026 from its sources, not a release",
         kCoreFloatLoss, ReportedStage::first),
    Engine{.id = "megatron",
           .version = "lm",
           .framework = "megatron-core",
           .describes = "pretrain_gpt.py with its defaults: unfused loss, dropout, a dense mask",
           .decomposition = kCoreFloatLoss,
           .states = kMainGradients,
           .buffers = {.dummy_weight_gradients = true,
                       .workspaces = mebibytes(96),
                       .flat_states = FlatStates::megatron,
                       .dense_mask = true,
                       .outside = mebibytes(600)},
           .weight_gradient = WeightGradient::main,
           .launch = Launch::eager,
           .attention = AttentionKernel::native,
           .loops_over_weights = true,
           .vocab_multiple = 128,
           .dropout = 0.1},
    Engine{.id = "megatron",
           .version = "2022",
           .framework = "megatron-2022",
           .describes = "Megatron-LM and Megatron-DeepSpeed of 2021 and 2022, no flash attention",
           .decomposition = {.norm = NormStyle::fused,
                             .gate = GateStyle::fused,
                             .loss = LossStyle::megatron},
           .states = kHalfGradients,
           // ZeRO-1 flattens all gradients for their reduction and gathers all weights into flat
           // shards (DeepSpeed 0.5, stage2.py). The pipeline engine keeps the fp32 logits of two
           // micro-batches (pipe/engine.py, pipe_buffers). Outside: NCCL and libraries.
           .buffers = {.workspaces = mebibytes(16),
                       .update_copies = 2.0,
                       .pipeline_buffers = true,
                       .flat_states = FlatStates::deepspeed,
                       .retained_logits = 8.0,
                       .outside = mebibytes(1150),
                       .eager_kernels = true},
           .weight_gradient = WeightGradient::own,
           .launch = Launch::eager,
           .softmax_multiple = 4,
           .vocab_multiple = 128,
           .dropout = 0.1},
    Engine{.id = "megatron",
           .version = "internevo",
           .framework = "internevo",
           .describes = "InternEvo: Megatron's split with hybrid ZeRO groups",
           .decomposition = {.norm = NormStyle::upcast,
                             .gate = GateStyle::two_ops,
                             .loss = LossStyle::eager},
           // fp32 gradients are made in the step (fsdp_optimizer.py, hybrid_zero_optim.py); AdamW
           // of torch 2.0 works on lists: the square roots and the denominators are 8 bytes more.
           .states = {.weight = 2.0,
                      .gradient = 2.0,
                      .master = 4.0,
                      .moments = 8.0,
                      .copies_gradients = true,
                      .update_temporaries = 8.0},
           .buffers = {.workspaces = mebibytes(16),
                       .bucket_elements = 5.0e8,
                       .outside = mebibytes(900)},
           .weight_gradient = WeightGradient::bucketed,
           .gathering = Gathering::fsdp1,
           .collectives = CollectiveGrain::owner,
           .stages = StageSplit::remainder_last,
           .launch = Launch::eager},
    Engine{
        .id = "megatron",
        .version = "nanotron",
        .framework = "nanotron",
        .describes = "nanotron: Megatron's split in PyTorch modules",
        .decomposition = {.norm = NormStyle::fused,
                          .gate = GateStyle::two_ops,
                          .loss = LossStyle::softmax_copy,
                          .attention = {.stacked_query = true},
                          .layers_ahead = kLaunchQueue / kNanotronLaunches},
        // fp32 sums; the weights' own bf16 gradients live until a backward pass ends.
        .states = {.weight = 2.0, .gradient = 4.0, .master = 4.0, .moments = 8.0},
        .buffers = {.workspaces = mebibytes(32), .replica_buckets = true, .gathered_inputs = true},
        .weight_gradient = WeightGradient::summed,
        .stages = StageSplit::by_cost,
        .measured = ReportedStage::first,  // world rank 0 writes the table (helpers.py)
        .launch = Launch::eager},
};

}  // namespace

std::span<const Engine> megatron_rows() { return kMegatronRows; }

}  // namespace headroom
