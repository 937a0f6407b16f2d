#include <variant>

#include "planner/engine/program_builder.h"
#include "planner/engine/program_units.h"

namespace headroom {

/// Values of an operator chain that autograd keeps beside what the graph keeps.
void ProgramBuilder::add_kept(const OpNode& node, std::size_t at) {
    if (keeps_quantized_inputs()) keep_quantized_input(node, at);
    if (keeps_narrow_inputs()) narrow_inputs(node);
    if (const auto* norm = std::get_if<Norm>(&node.op)) {
        keep_norm(node, *norm);
    } else if (const auto* act = std::get_if<Activate>(&node.op); act != nullptr && act->gated) {
        keep(graph_.inputs(node)[0],
             gate_saves(engine_.decomposition.gate) * elements(graph_.outputs(node)[0]));
    } else if (std::holds_alternative<CrossEntropy>(node.op)) {
        keep_loss(node, at);
    } else if (std::holds_alternative<Attention>(node.op)) {
        keep_attention(node);
    } else {
        keep_adapter(node);
    }
}

void ProgramBuilder::keep_norm(const OpNode& node, const Norm& norm) {
    if (norm.kind == NormKind::layer) return;
    const std::size_t first = norm.residual ? 1 : 0;
    const NormSaves saves = norm_saves(norm_style(node), gain_of(graph_.inputs(node)[first + 1]));
    const auto outputs = graph_.outputs(node);
    keep(outputs[first + 1], saves.between * elements(outputs[first]));
}

void ProgramBuilder::keep_attention(const OpNode& node) {
    const AttentionSaves& saves = engine_.decomposition.attention;
    const auto in = graph_.inputs(node);
    const TensorId out = graph_.outputs(node)[0];
    const TensorId lse = graph_.outputs(node)[1];
    const std::int64_t wide = elements(in[0]);
    const std::int64_t kv = elements(in[1]);
    const std::int64_t copies = saves.packed_view ? 1 : 2;
    if (saves.repeats_kv && wide > kv) keep(lse, copies * 2 * (wide - kv));
    if (saves.packed_view) keep(in[2], size(in[0]) + size(in[1]));
    if (saves.stacked_query && wide == kv) keep(lse, size(in[1]) + size(in[2]));
    if (copies_output()) keep(lse, size(out));
}

bool ProgramBuilder::copies_output() const {
    const auto& request = lowering_.request;
    switch (engine_.decomposition.attention.output) {
        case OutputCopy::none:
            return false;
        case OutputCopy::always:
            return request.adapter.kind == AdapterKind::none || keeps_quantized_inputs();
        case OutputCopy::batched_flash:
            return request.train.micro_batch > 1 && request.hardware.profile.chip != "GH100";
    }
    return false;
}

/// What an adapter's second product is the end of: its sum with the frozen product.
void ProgramBuilder::keep_adapter(const OpNode& node) {
    if (!std::holds_alternative<LinearAdd>(node.op)) return;
    const TensorId plain = graph_.inputs(node)[0];
    const TensorId low = graph_.inputs(node)[1];
    const auto& model = lowering_.request.model;
    const std::int64_t rows = graph_[plain].shape[0];
    switch (settings_.adapter) {
        case AdapterForm::low_rank:
            return;
        case AdapterForm::merged: {
            keep(low, size(plain));  // index_copy keeps what it copies into the zero-padded sum
            if (dropped_layer_ == node.layer) return;
            dropped_layer_ = node.layer;
            // One dropout for query, key and value: a mask, and its output beside a kept input.
            keep(low, rows * model.hidden * (keeps_quantized_inputs() ? 3 : 1));
            return;
        }
        case AdapterForm::prompt:
            // The prompt's attention keeps output and log-sum-exp; the output stands here for the
            // input that the graph's adapter keeps, unless the product keeps that too.
            keep(low,
                 (keeps_quantized_inputs() ? size(plain) : 0) + 4 * rows * model.attention.heads);
            return;
        case AdapterForm::scaled:
            keep(low, size(plain));
            return;
    }
}

void ProgramBuilder::keep_loss(const OpNode& node, std::size_t at) {
    const std::int64_t logits = elements(graph_.inputs(node)[0]);
    if (loss_.held > 0) {
        const auto end = static_cast<std::int32_t>(graph_.ops.size()) - 1;
        program_.buffers.push_back(
            {Bytes{loss_.held * logits}, static_cast<std::int32_t>(at), end});
    }
    scratch(at, loss_.forward * logits);
}

bool ProgramBuilder::keeps_quantized_inputs() const {
    return lowering_.request.adapter.kind == AdapterKind::qlora &&
           engine_.decomposition.keeps_quantized_input;
}

void ProgramBuilder::keep_quantized_input(const OpNode& node, std::size_t at) {
    const auto inputs = graph_.inputs(node);
    const bool forward = std::holds_alternative<Linear>(node.op);
    if (!forward && !std::holds_alternative<LinearGradInput>(node.op)) return;
    if (node.layer < 0 && !engine_.decomposition.quantizes_head) return;
    const Label& weight = graph_[inputs[1]].label;
    auto& input = quantized_input_[{weight.layer, weight.part}];
    if (forward) {
        const bool whole = lowering_.request.recompute.mode == RecomputeMode::none;
        if (whole || node.recomputed || node.layer < 0) input = inputs[0];
    } else if (input.valid()) {
        touch(input, graph_end(at));
    }
}

/// Where the autograd graph of an op goes, with what it keeps as attributes rather than as saved
/// tensors: with its layer, where that is run again in the backward pass, else with the step.
std::size_t ProgramBuilder::graph_end(std::size_t at) const {
    const std::size_t end = graph_.ops.size() - 1;
    const std::int32_t layer = graph_.ops[at].layer;
    if (lowering_.request.recompute.mode == RecomputeMode::none || layer < 0) return end;
    while (at < end && graph_.ops[at + 1].layer == layer) ++at;
    return at;
}

bool ProgramBuilder::keeps_narrow_inputs() const {
    return settings_.format != ProductFormat::compute &&
           engine_.weight_gradient == WeightGradient::main;
}

/// Transformer Engine keeps the inputs of a narrow product in its format: what norms and
/// activations put out is kept in half the bytes, attention's output in both formats.
void ProgramBuilder::narrow_inputs(const OpNode& node) {
    if (node.layer < 0 || node.phase != Phase::forward) return;
    const auto outputs = graph_.outputs(node);
    if (const auto* norm = std::get_if<Norm>(&node.op)) {
        const TensorId y = outputs[norm->residual ? 1 : 0];
        if (norm->group == 0) keep(y, -size(y) / 2);
    } else if (std::holds_alternative<Activate>(node.op)) {
        keep(outputs[0], -size(outputs[0]) / 2);
    } else if (std::holds_alternative<Attention>(node.op)) {
        keep(outputs[1], size(outputs[0]) / 2);
    }
}

void ProgramBuilder::add_scratch(const OpNode& node, std::size_t at) {
    const auto inputs = graph_.inputs(node);
    if (std::holds_alternative<CrossEntropyGrad>(node.op)) {
        scratch(at, loss_.backward * elements(inputs[0]));
    } else if (const auto* norm = std::get_if<NormGrad>(&node.op)) {
        if (norm->kind == NormKind::layer) return;
        const NormSaves saves = norm_saves(norm_style(node), gain_of(inputs[2]));
        scratch(at, saves.backward * elements(inputs[1]));
    } else if (std::holds_alternative<LinearAdd>(node.op)) {
        // PEFT scales the adapter's product, then adds it: three tensors beside the frozen product.
        if (engine_.decomposition.adapter_sums) scratch(at, 3 * size(inputs[0]));
    } else if (std::holds_alternative<Dequantize>(node.op)) {
        if (engine_.decomposition.dequantizes_twice) scratch(at, size(graph_.outputs(node)[0]));
    } else if (std::holds_alternative<LinearGradWeight>(node.op) ||
               std::holds_alternative<GroupedGradWeight>(node.op) ||
               std::holds_alternative<EmbeddingGrad>(node.op)) {
        weight_gradient(node, at);
    } else if (is_head(node)) {
        add_head(node, at);
    }
}

/// Where gradients stay from micro-batch to micro-batch: what a product or a table puts out before
/// it is added.
void ProgramBuilder::weight_gradient(const OpNode& node, std::size_t at) {
    if (engine_.weight_gradient == WeightGradient::main ||
        gradients_appear(lowering_.request, engine_)) {
        return;
    }
    const bool own = engine_.weight_gradient == WeightGradient::own;
    if (std::holds_alternative<EmbeddingGrad>(node.op) && !own) return;
    const TensorId gradient = graph_.outputs(node)[0];
    const bool whole = own && lowering_.request.layout.zero < 2;
    const bool stays = whole && held_.insert(gradient.index).second;
    const auto here = static_cast<std::int32_t>(at);
    program_.buffers.push_back({.size = Bytes{2 * elements(gradient)},
                                .first = here,
                                .last = here,
                                .life = stays ? BufferLife::first_stays : BufferLife::micro_batch});
}

/// A head that is 4-bit, or scaled as every product is.
void ProgramBuilder::add_head(const OpNode& node, std::size_t at) {
    const bool forward = node.phase == Phase::forward;
    const std::int64_t weights = elements(graph_.inputs(node)[1]);
    const bool quantized = lowering_.request.adapter.kind == AdapterKind::qlora &&
                           engine_.decomposition.quantizes_head;
    if (quantized) {
        scratch(at, weights * (engine_.decomposition.dequantizes_twice ? 4 : 2));
        if (lowering_.request.adapter.double_quant) scratch(at, 4 * weights / kNf4Block);
    }
    if (settings_.adapter != AdapterForm::scaled) return;
    if (forward) {
        head_at_ = static_cast<std::int32_t>(at);
    } else if (head_at_ >= 0) {
        program_.buffers.push_back(
            {Bytes{2 * elements(graph_.inputs(node)[0])}, head_at_, static_cast<std::int32_t>(at)});
    }
}

}  // namespace headroom
