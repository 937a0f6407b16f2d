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
    Weakness{"Expert models, time",
             "routing of real tokens is uneven. Of the expert traffic counted, twice as much shows "
             "with Megatron-Core of 2025 and a quarter with that of 2026: the passes that permute "
             "tokens, and what newer dispatchers do in their stead, are not modelled apart. "
             "GPT-OSS and Kimi K2 on GB200 and GB300 are predicted 20 to 40 % too fast."},
    Weakness{"V100 clusters, time",
             "the network was shared: the sources themselves report up to 40 % between equal runs, "
             "and two runs of 52B that took twice as long as their repeats stay 50 % off. That a "
             "ring uses two of a node's four adapters is read off its log. Two tensor ranks cost 5 "
             "to 8 ms a layer more than is modelled."},
    Weakness{"Offload, time",
             "host bandwidth is one assumed number; how far copies hide behind computation differs "
             "by framework. The lanes of two RTX 3090 are not stated: PCIe 3.0 with eight each is "
             "inferred from an older board with slow lanes."},
    Weakness{"Fine-tuning on sequences of varying length, time",
             "rows give a maximum length; most samples are shorter."},
    Weakness{"Interleaved pipelines, memory",
             "whether a figure is of the first or the last stage is rarely stated. Megatron's loop "
             "prints the last rank's, Megatron-Bridge and nanotron the first rank's."},
    Weakness{"Partial recomputation",
             "recomputing every second layer is taken for none, and in memory some layers of a "
             "stage for all of them."},
    Weakness{"ZeRO-3 on hundreds of nodes, time",
             "DeepSpeed of 2021 gathers each parameter into one piece a rank; what a piece costs "
             "is taken for a kernel's launch. From 384 to 1,536 GPUs errors go from low to high."},
    Weakness{"Whole runs",
             "DeepSeek-V3 was trained by a trainer of which no step time is published: it is "
             "predicted with the numbers of Megatron's family, its dispatch as far hidden as that "
             "family hides traffic. Its report states two things more that are not modelled and "
             "would partly cancel: 20 of 132 multiprocessors are held for communication, and its "
             "schedule fills the pipeline from both ends. With the numbers of Megatron-Core of "
             "2025 alone the total would be 15 % high."},
    Weakness{"Attention with sinks in Megatron, time",
             "gpt-oss up to the containers of June 2026 is predicted as if scores were stored, "
             "which the known issue of cuDNN then cost about as much as."},
    Weakness{"Blackwell with few models measured, time",
             "a kind of GPU whose rows are mostly of one model loses its numbers with that model: "
             "torchao's fp8 on B200 is then predicted 36 to 45 % too fast, attention over 128k "
             "tokens a quarter too slow. Why fp8 helps these runs so little is not understood."},
    Weakness{"Megatron-LM's functional tests, time",
             "predicted 20 to 40 % too fast on A100 and GB200 alike: attention's dropout, its "
             "deterministic backward pass and the dense mask are candidates, none was tested."},
    Weakness{"Steps of one small micro-batch, time",
             "Moonlight on eight H100 spends most of its half second on the host; with its rows "
             "left out a third of that is missing."},
    Weakness{"Megatron-DeepSpeed at 176B and 530B, time",
             "predicted 10 to 27 % too fast, where vTrain's 175B, the same code, is not: 11 to 17 "
             "ms a layer and micro-batch have no known cause. Blocking launches and fp32 "
             "accumulation are modelled."},
};

}  // namespace

std::span<const Weakness> weaknesses() { return kWeaknesses; }

}  // namespace headroom
