#include "planner/score/row_settings.h"

#include <algorithm>
#include <array>

#include "planner/base/json.h"
#include "planner/engine/forecast.h"

namespace headroom {
namespace {

/// Number formats by words of a row's precision.
struct FormatWord {
    std::string_view word;
    ProductFormat format;
};
constexpr std::array kFormats{
    FormatWord{"nvfp4", ProductFormat::nvfp4},
    FormatWord{"mxfp8", ProductFormat::mxfp8},
    FormatWord{"rowwise", ProductFormat::fp8_row},
    FormatWord{"blockwise", ProductFormat::fp8_block},
    FormatWord{"fp8", ProductFormat::fp8_tensor},
    FormatWord{"float8", ProductFormat::fp8_tensor},
};

ProductFormat format_of(const MeasuredRow& row) {
    const std::string words = text_of(row.setup, "precision") + " " + text_of(row.setup, "fp8");
    for (const auto& entry : kFormats) {
        if (has_text(words, entry.word)) return entry.format;
    }
    return ProductFormat::compute;
}

/// Whose memory a row's figure is. Megatron's loop prints the last rank's; Megatron-Bridge,
/// nanotron and others the first rank's; who reads nvidia-smi, and does not say of which node,
/// reads the first.
ReportedStage measured_stage(const MeasuredRow& row, const Engine& engine) {
    if (row.last_rank) return ReportedStage::last;
    return row.first_node ? ReportedStage::first : engine.measured;
}

void read_states(const MeasuredRow& row, ExpressedRow& out) {
    const std::string precision = text_of(row.setup, "precision");
    const std::string optimizer = text_of(row.setup, "optimizer");
    const std::string gradients = text_of(row.setup, "grad_accum_dtype");
    auto& settings = out.settings;
    if (has_text(optimizer, "bf16 grad reduce") || has_text(row.framework, "NeMo") ||
        has_text(row.framework, "Bridge")) {
        settings.gradient_bytes = 2.0;  // grad_reduce_in_fp32 is off in these recipes
    }
    if (out.engine->weight_gradient == WeightGradient::summed) {
        settings.gradient_bytes = 0.0;
    } else if (has_text(gradients, "unsharded")) {
        settings.gradient_bytes = 6.0;  // bf16 gradients and the fp32 sums they are added to
    } else if (has_text(gradients, "fp32") || has_text(precision, "fp32 grad") ||
               has_text(precision, "fp32 main grads")) {
        settings.gradient_bytes = std::max(4.0, out.engine->states.gradient);
    } else if (has_text(gradients, "fp16")) {
        settings.gradient_bytes = 2.0;
    }
    if (has_text(optimizer, "8-bit") || has_text(optimizer, "8bit")) settings.moment_bytes = 2.0;
    if (has_text(optimizer, "4-bit")) settings.moment_bytes = 1.0;
    if (has_text(optimizer, "bf16 m and v") || has_text(optimizer, "AdamW bf16")) {
        settings.moment_bytes = 4.0;
    }
    if (has_text(optimizer, "fp32 states") || has_text(optimizer, "32-bit states")) {
        settings.moment_bytes = 8.0;
    }
    const bool experts = out.request.model.moe.has_value();
    if (experts && has_text(row.framework, "Bridge")) {
        settings.moment_bytes = 4.0;  // its expert recipes use the precision-aware optimizer
    }
    if (has_text(precision, "no fp32 master") || has_text(precision, "bf16-true") ||
        has_text(precision, "pure")) {
        settings.master_bytes = 0.0;
    }
    if (has_text(optimizer, "fp32 master")) settings.master_bytes = 4.0;
}

/// torchtitan's run script sets expandable segments; its script for several nodes
/// (multinode_trainer.slurm) does not.
void read_allocator(const MeasuredRow& row, ExpressedRow& out) {
    const auto& node = out.request.hardware.profile.node;
    const bool titan = out.engine->framework == "torchtitan";
    if (titan && !has_text(row.framework, "torchao") && out.request.hardware.gpus > node.gpus) {
        out.settings.segments = SegmentGrowth::fixed;
    }
}

}  // namespace

void read_training(const MeasuredRow& row, ExpressedRow& out) {
    out.settings.measured = measured_stage(row, *out.engine);
    out.settings.stages = out.engine->stages;
    auto& train = out.request.train;
    const std::string precision = text_of(row.setup, "precision");
    train.sequence = count_of(row.setup, "seq_len", 2048);
    train.micro_batch = std::max<std::int64_t>(count_of(row.setup, "micro_batch", 1), 1);
    train.compute =
        has_text(precision, "fp16") && !has_text(precision, "bf16") ? DType::f16 : DType::bf16;
    train.gradient = train.compute;
    const std::string flash = text_of(row.setup, "flash_attention");
    train.attention = flash == "false" ? AttentionImpl::eager : AttentionImpl::flash;
    train.dropout = out.engine->dropout;
    out.settings.format = format_of(row);
    out.settings.compiled = flag_of(row.setup, "compile");
    read_states(row, out);
    read_allocator(row, out);
}

void read_loss(const MeasuredRow& row, ExpressedRow& out) {
    auto& train = out.request.train;
    out.settings.loss_chunks = std::max(count_of(row.setup, "lmhead_chunks", 0),
                                        count_of(row.setup, "chunked_cross_entropy", 0));
    if (flag_of(row.setup, "cut_cross_entropy") || flag_of(row.setup, "liger")) {
        out.settings.loss_chunks = 8;
    }
    train.loss = loss_of(*out.engine, out.settings, out.request);
    if (train.loss == LossKind::chunked && out.settings.loss_chunks > 0) {
        train.loss_chunk = std::max<std::int64_t>(
            train.sequence * train.micro_batch / out.settings.loss_chunks, 1);
    }
}

/// Megatron's default cuts experts over the tensor ranks; the recipes of Megatron-Bridge and of the
/// MoE model zoo (expert_tensor_parallel_size) do not, nor does a row that says so.
bool experts_span_tensor(const MeasuredRow& row, const PlanRequest& request) {
    const auto& layout = request.layout;
    if (layout.tensor == 1 || !request.model.moe) return false;
    const std::int64_t ranks = count_of(row.setup, "ep", 1);
    if (ranks > layout.replicas()) return true;
    const bool whole = has_text(row.framework, "Bridge") || has_text(row.framework, "Core MoE");
    const std::int64_t cut = count_of(row.setup, "etp", whole ? 1 : layout.tensor);
    return cut == 1 && ranks % layout.tensor == 0 && ranks > layout.tensor;
}

void read_layout(const MeasuredRow& row, ExpressedRow& out) {
    const Json& setup = row.setup;
    auto& layout = out.request.layout;
    const auto degree = [&](std::string_view key) {
        return std::max<std::int64_t>(count_of(setup, key, 1), 1);
    };
    layout.tensor = degree("tp");
    layout.context = degree("cp");
    layout.pipeline = degree("pp");
    layout.interleave = layout.pipeline > 1 ? degree("vp") : 1;
    const std::int64_t rest = layout.tensor * layout.context * layout.pipeline;
    layout.data = std::max<std::int64_t>(out.request.hardware.gpus / rest, 1);
    out.request.hardware.gpus = layout.data * rest;
    layout.sequence_parallel = layout.tensor > 1 && flag_of(setup, "sequence_parallel");
    // A ring keeps no gathered keys and values, as the exchange of heads does not.
    const auto& attention = out.request.model.attention;
    const std::int64_t head_split = layout.tensor * layout.context;
    const bool exchanges =
        attention.heads % head_split == 0 && attention.kv_heads % head_split == 0;
    layout.context_kind = exchanges ? ContextKind::ulysses : ContextKind::gather;
    const std::string fsdp = text_of(setup, "fsdp");
    layout.zero =
        static_cast<int>(std::clamp<std::int64_t>(count_of(setup, "zero_stage", 0), 0, 3));
    if (has_text(text_of(setup, "zero_stage"), "1-equivalent")) layout.zero = 1;
    if (has_text(fsdp, "full") || has_text(fsdp, "FSDP2") || fsdp == "true") layout.zero = 3;
    if (has_text(fsdp, "SHARD_GRAD_OP")) layout.zero = 2;
    if (has_text(fsdp, "HSDP") || has_text(fsdp, "MiCS")) layout.zero = 3;
    if (has_text(fsdp, "DDP")) layout.zero = 0;
    if (has_text(fsdp, "HSDP")) {
        layout.shard = std::min<std::int64_t>(8, layout.replicas());
    }
    if (has_text(fsdp, "128 GPUs per shard")) layout.shard = 128;
    if (layout.shard > 0 && layout.replicas() % layout.shard != 0) layout.shard = 0;
    std::int64_t expert = degree("ep");
    if (out.request.model.moe) {
        if (experts_span_tensor(row, out.request)) expert /= layout.tensor;
        // Experts spread over whole tensor groups: the graph splits each over its tensor ranks
        // instead, which gives a rank as many weights and as much work.
        std::int64_t spread = expert;
        while (spread > layout.replicas() || layout.replicas() % spread != 0) spread /= 2;
        layout.expert = std::max<std::int64_t>(spread, 1);
    }
    if (const std::string group = text_of(setup, "zero1_group"); !group.empty()) {
        const auto ranks = number_of(setup, "zero1_group");
        if (ranks && *ranks >= 1.0) {
            out.settings.optimizer_shards = static_cast<std::int64_t>(*ranks);
        }
    }
    const std::int64_t global = count_of(setup, "global_batch", 0);
    const std::int64_t micro = out.request.train.micro_batch * layout.data;
    std::int64_t accumulation = count_of(setup, "grad_accum", 0);
    if (accumulation <= 0)
        accumulation = global > 0 ? std::max<std::int64_t>(global / micro, 1) : 1;
    out.request.train.accumulation = accumulation;
    layout.schedule =
        layout.interleave > 1 ? PipelineSchedule::interleaved : PipelineSchedule::one_f_one_b;
    out.settings.embeddings_count_as_layers = setup.contains("pp_partition");
    out.settings.overlaps_communication =
        !setup.contains("comm_overlap") || flag_of(setup, "comm_overlap");
}

void read_recompute(const MeasuredRow& row, ExpressedRow& out) {
    const std::string text = text_of(row.setup, "recompute");
    auto& recompute = out.request.recompute;
    if (text.empty() || text.starts_with("none") || has_text(text, "not stated")) return;
    if (has_text(text, "full") || has_text(text, "block")) {
        recompute.mode = RecomputeMode::layer;
    } else {
        recompute.mode = RecomputeMode::selective;
        const bool core = has_text(text, "core") || has_text(text, "recompute-att");
        if (out.engine->weight_gradient == WeightGradient::main) {
            out.settings.recomputes = {.feed_forward = has_text(text, "mlp"),
                                       .latent_up = has_text(text, "mla_up")};
        }
        const bool experts = out.request.model.moe.has_value();  // "mlp" is of dense layers
        recompute.ops = {.norm = has_text(text, "norm"),
                         .activation = has_text(text, "act") || has_text(text, "swiglu") ||
                                       has_text(text, "ffn") ||
                                       (has_text(text, "mlp") && !experts) || has_text(text, "moe"),
                         .attention = core};
        if (has_text(text, "per-op")) {
            recompute = {};
            out.settings.alternate_products = true;
            return;
        }
        const auto& ops = recompute.ops;
        if (!ops.norm && !ops.activation && !ops.attention) recompute.mode = RecomputeMode::none;
    }
}

void read_offload(const MeasuredRow& row, ExpressedRow& out) {
    const std::string text = text_of(row.setup, "offload");
    if (text.empty() || has_text(text, "may be")) return;
    auto& offload = out.request.offload;
    if (has_text(text, "opt")) offload.optimizer = Tier::cpu;
    if (has_text(text, "param")) {
        offload.parameters = Tier::cpu;
        offload.optimizer = Tier::cpu;
    }
    if (has_text(text, "activation") || has_text(text, "residual")) offload.activations = true;
}

}  // namespace headroom
