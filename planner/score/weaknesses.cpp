#include "planner/score/weaknesses.h"

#include <array>

namespace headroom {
namespace {

constexpr std::array kWeaknesses{
    Weakness{"Megatron-DeepSpeed of 2022, memory",
             "nvidia-smi in whole GB, with context and communicators of drivers that nobody can "
             "measure again. Copies that ZeRO-1 makes when a step ends are replayed as if NCCL's "
             "stream held all of them at once, which is too much where a stage has more than four "
             "billion parameters. Two of its rows are not understood: tensor ranks without "
             "recomputation, whose activations do not halve, and 52B under Megatron-LM alone."},
    Weakness{
        "InternEvo, memory",
        "neither the unit nor the statistic is stated. 28 bytes a parameter of the shard while "
        "AdamW runs explain the rows if the unit is GiB."},
    Weakness{"nanotron, memory",
             "recomputation and sequence are defaults of its scripts rather than stated; rows are "
             "the best of a sweep. Two rows of 80B differ by one GiB where their states differ by "
             "fourteen: one of them was run otherwise than stated."},
    Weakness{"Megatron-Bridge, 70B fine-tuning",
             "feed-forwards that are captured in CUDA graphs keep their activations in the graphs' "
             "own pool, which is not counted as allocated; the graphs' static inputs are not "
             "modelled, and such rows are predicted 6 to 9 % low."},
    Weakness{"Reserved memory",
             "the replay knows the order of a step's tensors, not every fragment that model "
             "construction leaves behind: it is 1 to 4 % low on static runs."},
    Weakness{"FSDP1 with adapters, memory",
             "loading leaves more in the allocator than its sequence explains (fsdp_qlora prints "
             "3.72 GiB reserved after wrapping, replayed 3.25): small batches, and 70B with "
             "offload, are predicted 11 % low."},
    Weakness{"FSDP in litgpt, memory",
             "the peak is at the longest sample after the first of a window, whose length is not "
             "stated; the longest of all is taken."},
    Weakness{"axolotl, memory",
             "OLMo 3 is predicted a third low and Llama 4 on four GPUs a sixth; neither is "
             "understood."},
    Weakness{"torchtune, memory",
             "405B with adapters is predicted a quarter high: its README says batch 2, the "
             "configuration of that date 1. What torchao's 8-bit Adam holds while it works is "
             "missing."},
    Weakness{
        "Expert models, time",
        "routing of real tokens is uneven. What the host does for a layer of experts (routing, "
        "sorting, waiting for counts) is one number of a framework, though CUDA graphs take "
        "part of it away in some runs: the rows ask for 3 to 15 ms a layer and micro-batch."},
    Weakness{
        "V100 clusters, time",
        "the network was shared: the sources themselves report up to 40 % between equal runs."},
    Weakness{"Offload, time",
             "host bandwidth is one assumed number; how far copies hide behind computation differs "
             "by framework."},
    Weakness{"Fine-tuning on sequences of varying length, time",
             "rows give a maximum length; most samples are shorter."},
    Weakness{"Interleaved pipelines, memory",
             "whether a figure is of the first or the last stage is rarely stated. Megatron's loop "
             "prints the last rank's, Megatron-Bridge and nanotron the first rank's."},
    Weakness{"Partial recomputation",
             "recomputing every second layer is taken for none, and in memory some layers of a "
             "stage for all of them."},
    Weakness{"ZeRO-3 on hundreds of nodes, time",
             "predicted two to three times too fast: gathers in many small pieces over many nodes "
             "are limited by what the model's ring does not have."},
    Weakness{"InternEvo on 1,024 GPUs, time",
             "with optimizer states over all ranks the step grows by half, predicted by a tenth: "
             "what its gathers cost at that size is not understood."},
    Weakness{"Whole runs",
             "DeepSeek-V3 was trained by a trainer of which no step time is published: it is "
             "predicted with Megatron-Core's numbers. Its schedule hides the dispatch of tokens, "
             "gives 20 of 132 multiprocessors to it, and fills its pipeline from both ends. All "
             "three were tried as its report states them, with the numbers of Megatron's family: "
             "the total falls to 2.05 million hours, 23 % low. So a quarter of the time has a "
             "cause that is not known; uneven experts and the fine scales of its fp8 products are "
             "not modelled."},
    Weakness{"Attention with sinks in Megatron, time",
             "gpt-oss up to the containers of June 2026 is predicted as if scores were stored, "
             "which the known issue of cuDNN then cost about as much as."},
    Weakness{"Megatron-DeepSpeed at 176B and 530B, time",
             "predicted 15 to 25 % too fast, where vTrain's 175B, the same code, is 5 % too slow."},
    Weakness{"Small models on eight tensor ranks, time",
             "with a micro-batch of 1 Megatron's fused softmax does not apply; its replacement "
             "costs 1.5 ms a layer, which is not modelled."},
};

}  // namespace

std::span<const Weakness> weaknesses() { return kWeaknesses; }

}  // namespace headroom
