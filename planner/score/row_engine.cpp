#include <array>

#include "planner/score/row_settings.h"

namespace headroom {
namespace {

/// Words of a framework's name, the most specific first.
struct FrameworkWord {
    std::string_view word;
    std::string_view id;
    std::string_view version;
};
constexpr std::array kFrameworks{
    FrameworkWord{"HF Trainer + DeepSpeed", "deepspeed", "zero-2021"},
    FrameworkWord{"LLaMA-Factory", "deepspeed", "llamafactory"},
    FrameworkWord{"Megatron-DeepSpeed ZeRO-3", "deepspeed", "zero-2021"},
    FrameworkWord{"DeepSpeed ZeRO-3", "deepspeed", "zero-2021"},
    FrameworkWord{"Megatron-DeepSpeed", "megatron", "2022"},
    FrameworkWord{"DeepSpeed + Megatron", "megatron", "2022"},
    FrameworkWord{"Megatron-LM (2021)", "megatron", "2022"},
    FrameworkWord{"Megatron-LM (2022)", "megatron", "2022"},
    FrameworkWord{"Megatron PTD-P", "megatron", "2022"},
    FrameworkWord{"SageMaker", "deepspeed", "zero"},
    FrameworkWord{"DeepSpeed transformer", "deepspeed", "zero"},
    FrameworkWord{"Megatron-LM (functional test", "megatron", "lm"},
    FrameworkWord{"InternEvo", "megatron", "internevo"},
    FrameworkWord{"nanotron", "megatron", "nanotron"},
    FrameworkWord{"torchtitan", "fsdp", "torchtitan"},
    FrameworkWord{"llm-foundry", "fsdp", "llm-foundry"},
    FrameworkWord{"fsdp_qlora", "hf", "fsdp-qlora"},
    FrameworkWord{"FSDP1", "fsdp", "fsdp1"},
    FrameworkWord{"axolotl", "hf", "axolotl"},
    FrameworkWord{"torchtune", "torchtune", "recipe"},
    FrameworkWord{"litgpt", "litgpt", "recipe"},
    FrameworkWord{"Bridge 25.", "megatron", "core"},
    FrameworkWord{"Bridge 26.02", "megatron", "core-2026"},
    FrameworkWord{"Bridge 26.04", "megatron", "core-2026"},
    FrameworkWord{"Bridge 26.06", "megatron", "core-2026"},
    FrameworkWord{"Bridge 26.", "megatron", "core-2026-08"},
    FrameworkWord{"Bridge", "megatron", "bridge"},
    // DeepSeek's own trainer: nothing but its whole run is published.
    FrameworkWord{"HAI-LLM", "megatron", "hai-llm"},
    FrameworkWord{"llmq", "llmq", "2025"},
    FrameworkWord{"llm.c", "llm.c", "2024"},
    FrameworkWord{"DeepSpeed", "deepspeed", "zero"},
    FrameworkWord{"Megatron", "megatron", "core"},
    FrameworkWord{"NeMo", "megatron", "core"},
    FrameworkWord{"transformers", "hf", "trainer"},
    FrameworkWord{"PEFT", "hf", "trainer"},
};

/// By the date of torch where the row gives it; Blackwell needs a later one.
bool is_of_2024(const MeasuredRow& row) {
    if (has_text(row.framework, "2024")) return true;
    const bool dated = has_text(row.framework, "2025") || has_text(row.framework, "torch 2.8");
    const bool later_gpu = has_text(row.gpu_key, "b200") || has_text(row.gpu_key, "b300") ||
                           has_text(row.gpu_key, "h200");
    return !dated && !later_gpu;
}

}  // namespace

const Engine* row_engine(const MeasuredRow& row) {
    for (const auto& entry : kFrameworks) {
        if (!has_text(row.framework, entry.word)) continue;
        // The same code of 2021, run before flash attention and Transformer Engine.
        const bool old_core = entry.version == "core" && entry.id == "megatron" &&
                              text_of(row.setup, "flash_attention") == "false";
        if (entry.id == "fsdp" && entry.version == "torchtitan" &&
            text_of(row.setup, "compile") == "false") {
            return &engine_named("fsdp", "torchtitan-eager");
        }
        if (entry.version == "torchtitan" && is_of_2024(row)) {
            return &engine_named("fsdp", "torchtitan-2024");
        }
        // The tables of lit-gpt: LoRA of October 2023, adapters added in January 2024 (PR #694).
        if (entry.id == "litgpt" && has_text(text_of(row.setup, "method"), "lora")) {
            return &engine_named("litgpt", "2023");
        }
        if (entry.id == "torchtune" && flag_of(row.setup, "compile")) {
            return &engine_named("torchtune", "compiled");
        }
        return &engine_named(entry.id, old_core ? "2022" : entry.version);
    }
    return nullptr;
}

}  // namespace headroom
