#include <algorithm>

#include "planner/base/plural.h"
#include "planner/spec/request_checks.h"

namespace headroom {
namespace {

void check_kv_heads(const RequestCheck& check) {
    const auto tensor = check.request.layout.tensor;
    const auto kv_heads = check.request.model.attention.kv_heads;
    check.require(kv_heads % tensor == 0 || tensor % kv_heads == 0, "tensor",
                  "{} neither divides {} key/value heads nor is a multiple of them", tensor,
                  kv_heads);
}

void check_widths(const RequestCheck& check) {
    const auto tensor = check.request.layout.tensor;
    const auto& model = check.request.model;
    check.require_divides("tensor", tensor, model.ffn.width, "columns of the feed-forward layer");
    if (!model.moe) return;
    check.require_divides("tensor", tensor, model.moe->expert_width, "columns of an expert");
    check.require_divides("tensor", tensor, model.moe->shared_width,
                          "columns of the shared expert");
}

/// Of the ranks of one node, and of several nodes.
void check_links(const RequestCheck& check) {
    const auto& hardware = check.request.hardware;
    const auto& gpu = hardware.profile;
    const bool named = !gpu.peak.empty();  // a request without a GPU has no links yet
    const bool inside = gpu.nvlink.count() > 0.0 || gpu.pcie.count() > 0.0;
    check.require(!named || hardware.gpus == 1 || gpu.node.gpus == 1 || inside, "/hardware/gpus",
                  "is {}, but nothing links one \"{}\" to another", hardware.gpus, gpu.id);
    const bool many = hardware.gpus > gpu.node.gpus;
    check.require(!named || !many || gpu.node.network.count() > 0.0, "/hardware/gpus",
                  "is {}, but a node of {} has no network", hardware.gpus, gpu.node.gpus);
}

}  // namespace

void check_world(const RequestCheck& check) {
    const auto& layout = check.request.layout;
    const auto gpus = check.request.hardware.gpus;
    check.require(
        layout.world() == gpus, "data",
        "data {} x tensor {} x context {} x pipeline {} = {} rank{}, must be the {} GPU{} "
        "of /hardware/gpus",
        layout.data, layout.tensor, layout.context, layout.pipeline, layout.world(),
        plural(layout.world()), gpus, plural(gpus));
    check_links(check);
}

void check_tensor(const RequestCheck& check) {
    const auto& layout = check.request.layout;
    const auto& model = check.request.model;
    check.require(layout.tensor > 1 || !layout.sequence_parallel, "sequence_parallel",
                  "is true, but needs a tensor degree above 1");
    if (layout.tensor == 1) return;
    check.require_divides("tensor", layout.tensor, model.attention.heads, "attention heads");
    check_kv_heads(check);
    check_widths(check);
    check.require(model.vocab % layout.tensor == 0, "tensor",
                  "{} does not divide the vocabulary of {}; pad it to {}", layout.tensor,
                  model.vocab, round_up(model.vocab, layout.tensor));
}

void check_context(const RequestCheck& check) {
    const auto& layout = check.request.layout;
    const auto sequence = check.request.train.sequence;
    const auto pieces = layout.context * (layout.sequence_parallel ? layout.tensor : 1);
    check.require(sequence % pieces == 0, "sequence", "{} does not divide into {} equal parts",
                  sequence, pieces);
    if (layout.context == 1 || layout.context_kind != ContextKind::ulysses) return;
    const auto& attention = check.request.model.attention;
    const auto split = layout.tensor * layout.context;
    check.require(attention.heads % split == 0, "context",
                  "{} x tensor {} does not divide {} attention heads, as ulysses needs",
                  layout.context, layout.tensor, attention.heads);
    check.require(attention.kv_heads % split == 0, "context",
                  "{} x tensor {} does not divide {} key/value heads, as ulysses needs",
                  layout.context, layout.tensor, attention.kv_heads);
}

void check_pipeline(const RequestCheck& check) {
    const auto& layout = check.request.layout;
    const auto& model = check.request.model;
    const auto& train = check.request.train;
    check.require(layout.pipeline == 1 || model.stack != Stack::encoder_decoder, "pipeline",
                  "is {}, an encoder-decoder has to stay on one stage", layout.pipeline);
    const auto chunks = layout.pipeline * layout.interleave;
    check.require(chunks <= model.layers, layout.interleave > 1 ? "interleave" : "pipeline",
                  "pipeline {} x interleave {} = {} chunks, the model has {} layers",
                  layout.pipeline, layout.interleave, chunks, model.layers);
    if (layout.interleave == 1) return;
    check.require(layout.pipeline > 1, "interleave", "is {}, but needs a pipeline degree above 1",
                  layout.interleave);
    check.require(layout.schedule == PipelineSchedule::interleaved, "schedule",
                  "is 1f1b, interleave {} needs the schedule interleaved", layout.interleave);
    check.require(train.accumulation % layout.pipeline == 0, "accumulation",
                  "{} micro-batches must be a multiple of pipeline {} when interleaved",
                  train.accumulation, layout.pipeline);
}

void check_expert(const RequestCheck& check) {
    const auto& layout = check.request.layout;
    if (layout.expert == 1) return;
    const auto& moe = check.request.model.moe;
    check.require(moe.has_value(), "expert", "is {}, but the model has no experts", layout.expert);
    check.require_divides("expert", layout.expert, moe->experts, "experts");
    check.require(layout.replicas() % layout.expert == 0, "expert",
                  "{} does not divide data {} x context {}", layout.expert, layout.data,
                  layout.context);
}

}  // namespace headroom
