#include "planner/engine/abilities.h"

#include <algorithm>
#include <array>

namespace headroom {
namespace {

constexpr auto kNo = Offered::no;
constexpr auto kYes = Offered::yes;

/// One version of a framework, or with no version all others of it.
struct Row {
    std::string_view id;
    std::string_view version;
    Abilities abilities;
};

/// zero, tensor, context, pipeline, expert, optimizer, parameters, activations
constexpr std::array kRows{
    // Distributed optimizer; --optimizer-cpu-offload; cpu offloading of Transformer Engine.
    Row{"megatron", "core", {1, kYes, kYes, kYes, kYes, Tier::cpu, Tier::device, kYes}},
    Row{"megatron", "", {1, kYes, kNo, kYes, kNo, Tier::device, Tier::device, kNo}},
    // torchtitan: FSDP2 with tensor, context, pipeline and expert parallelism; CPUOffloadPolicy.
    Row{"fsdp", "torchtitan", {3, kYes, kYes, kYes, kYes, Tier::cpu, Tier::cpu, kNo}},
    Row{"fsdp", "torchtitan-eager", {3, kYes, kYes, kYes, kYes, Tier::cpu, Tier::cpu, kNo}},
    Row{"fsdp", "torchtitan-2024", {3, kYes, kNo, kYes, kNo, Tier::cpu, Tier::cpu, kNo}},
    Row{"fsdp", "", {3, kNo, kNo, kNo, kNo, Tier::cpu, Tier::cpu, kYes}},
    // FSDP or DDP through accelerate.
    Row{"hf", "", {3, kNo, kNo, kNo, kNo, Tier::cpu, Tier::cpu, kNo}},
    // ZeRO-Offload and ZeRO-Infinity; cpu_checkpointing.
    Row{"deepspeed", "", {3, kNo, kNo, kNo, kNo, Tier::nvme, Tier::nvme, kYes}},
    // fsdp_cpu_offload; enable_activation_offloading.
    Row{"torchtune", "", {3, kNo, kNo, kNo, kNo, Tier::cpu, Tier::cpu, kYes}},
    Row{"litgpt", "", {3, kNo, kNo, kNo, kNo, Tier::cpu, Tier::cpu, kNo}},
    Row{"llmq", "", {3, kNo, kNo, kNo, kNo, Tier::cpu, Tier::cpu, kYes}},
    Row{"llm.c", "", {1, kNo, kNo, kNo, kNo, Tier::device, Tier::device, kNo}},
};

}  // namespace

Abilities abilities_of(const Engine& engine) {
    const auto* const found = std::ranges::find_if(kRows, [&](const Row& row) {
        return row.id == engine.id && (row.version.empty() || row.version == engine.version);
    });
    return found == kRows.end() ? Abilities{} : found->abilities;
}

}  // namespace headroom
