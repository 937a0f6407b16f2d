#include "planner/engine/program_builder.h"

#include <algorithm>
#include <variant>

#include "planner/engine/program_units.h"

namespace headroom {

ProgramBuilder::ProgramBuilder(const Lowering& lowering, const Engine& engine,
                               const EngineSettings& settings)
    : lowering_(lowering),
      graph_(lowering.graph),
      engine_(engine),
      settings_(settings),
      loss_(loss_rules(loss_style(engine, settings, lowering.request))),
      root_(graph_.tensors.size()),
      extra_(graph_.tensors.size(), 0),
      first_(graph_.tensors.size(), -1),
      last_(graph_.tensors.size(), -1) {
    for (std::size_t i = 0; i < root_.size(); ++i) root_[i] = graph_.tensors[i].storage.index;
}

StepProgram ProgramBuilder::run() {
    for (std::size_t at = 0; at < graph_.ops.size(); ++at) visit(at);
    if (settings_.alternate_products) drop_alternate_products();
    drop_modules();
    if (lowering_.request.recompute.mode == RecomputeMode::selective) hold_attention_outputs();
    if (lowering_.request.offload.activations) offload_checkpoints();
    if (engine_.decomposition.layers_ahead > 0) hold_collective_inputs();
    collect();
    for (const auto& more :
         {gradient_buffers(lowering_, engine_, settings_), gathered_buffers(lowering_, engine_)}) {
        program_.buffers.insert(program_.buffers.end(), more.begin(), more.end());
    }
    order();
    return std::move(program_);
}

bool ProgramBuilder::writes_over(const Op& op) const {
    if (std::holds_alternative<CrossEntropyGrad>(op)) return loss_.over;
    return std::holds_alternative<Accumulate>(op) || std::holds_alternative<Collective>(op) ||
           std::holds_alternative<CopyToGroup>(op) || std::holds_alternative<SplitColumns>(op) ||
           std::holds_alternative<JoinColumns>(op) || engine_.launch == Launch::native;
}

void ProgramBuilder::share_outputs(const OpNode& node) {
    const Outputs declared =
        std::visit([&](const auto& op) { return op.outputs(graph_.specs(node)); }, node.op);
    const bool over = writes_over(node.op);
    const bool loss = std::holds_alternative<CrossEntropyGrad>(node.op);
    std::size_t i = 0;
    for (const auto& spec : declared) {
        const auto out = static_cast<std::size_t>(graph_.outputs(node)[i++].index);
        // The graph writes a 16-bit gradient over its logits; a framework may do so in fp32 too.
        const int alias = loss ? 0 : spec.alias;
        if (alias < 0) continue;
        const TensorId in = graph_.inputs(node)[static_cast<std::size_t>(alias)];
        const bool views = !graph_.tensors[root(in)].persistent;
        const bool copied =
            std::holds_alternative<SplitColumns>(node.op) && engine_.launch != Launch::native;
        root_[out] = (over && !copied) || !views ? static_cast<std::int32_t>(root(in))
                                                 : static_cast<std::int32_t>(out);
    }
}

void ProgramBuilder::visit(std::size_t at) {
    const OpNode& node = graph_.ops[at];
    share_outputs(node);
    if (has_no_gradient(node)) return;
    if (gathers_for_weight_gradient(node, at)) --at;
    const std::size_t until = in_pieces(node) && at > 0 ? at - 1 : at;
    std::size_t i = 0;
    for (const auto id : graph_.inputs(node)) {
        if (reads(node, i++)) touch(id, until);
    }
    for (const auto id : graph_.outputs(node)) touch(id, at);
    add_kept(node, at);
    add_scratch(node, at);
}

bool ProgramBuilder::reads(const OpNode& node, std::size_t input) const {
    if (const auto* norm = std::get_if<NormGrad>(&node.op)) {
        const bool rms = norm->kind != NormKind::layer;
        return input != 1 || !rms ||
               norm_saves(norm_style(node), gain_of(graph_.inputs(node)[2])).input;
    }
    // Trained scales of products read the product, not its input.
    const bool first_half =
        std::holds_alternative<LinearGradWeight>(node.op) && node.layer >= 0 && input == 0 &&
        graph_[graph_.outputs(node)[0]].shape[0] <= lowering_.request.adapter.rank;
    return !(first_half && settings_.adapter == AdapterForm::scaled);
}

NormStyle ProgramBuilder::norm_style(const OpNode& node) const {
    const auto& how = engine_.decomposition;
    return node.layer < 0 ? how.final_norm.value_or(how.norm) : how.norm;
}

bool ProgramBuilder::has_no_gradient(const OpNode& node) const {
    return node.phase == Phase::backward && node.layer >= 0 &&
           node.layer < settings_.first_adapted_layer;
}

bool ProgramBuilder::in_pieces(const OpNode& node) const {
    return loss_.in_pieces && std::holds_alternative<Cast>(node.op) &&
           node.phase == Phase::backward && node.layer < 0;
}

/// The gather of a sequence-parallel input runs beside the product before it, the gradient of
/// the input: both results are there at once.
bool ProgramBuilder::gathers_for_weight_gradient(const OpNode& node, std::size_t at) const {
    const auto* op = std::get_if<Collective>(&node.op);
    return op != nullptr && node.recomputed && op->kind == CollectiveKind::all_gather && at > 0 &&
           std::holds_alternative<LinearGradInput>(graph_.ops[at - 1].op);
}

bool ProgramBuilder::is_head(const OpNode& node) const {
    if (node.layer >= 0) return false;
    if (std::holds_alternative<Linear>(node.op)) {
        return graph_[graph_.outputs(node)[0]].role == Role::logits;
    }
    return std::holds_alternative<LinearGradInput>(node.op) && node.phase == Phase::backward &&
           graph_[graph_.inputs(node)[0]].role == Role::logits;
}

Gain ProgramBuilder::gain_of(TensorId weight) const {
    const bool trained =
        graph_[weight].parameter.trainable || settings_.adapter == AdapterForm::scaled;
    return trained ? Gain::trained : Gain::frozen;
}

/// Inputs of collectives that NCCL's stream was told of stay until the device has passed them,
/// which the host does not wait for.
void ProgramBuilder::hold_collective_inputs() {
    std::map<std::int32_t, std::size_t> begin;
    const std::size_t end = loss_begin() > 0 ? loss_begin() - 1 : 0;
    for (std::size_t at = 0; at <= end; ++at) begin.try_emplace(graph_.ops[at].layer, at);
    for (std::size_t at = 0; at <= end; ++at) {
        const OpNode& node = graph_.ops[at];
        const auto* op = std::get_if<Collective>(&node.op);
        if (op == nullptr || op->kind != CollectiveKind::reduce_scatter) continue;
        const auto layer =
            node.layer + static_cast<std::int32_t>(engine_.decomposition.layers_ahead);
        const auto passed = begin.lower_bound(layer);
        touch(graph_.inputs(node)[0], passed == begin.end() ? end : passed->second);
    }
}

void ProgramBuilder::touch(TensorId id, std::size_t at) {
    const std::size_t to = root(id);
    if (first_[to] < 0) first_[to] = static_cast<std::int32_t>(at);
    last_[to] = std::max(last_[to], static_cast<std::int32_t>(at));
}

void ProgramBuilder::keep(TensorId with, std::int64_t bytes) { extra_[root(with)] += bytes; }

void ProgramBuilder::scratch(std::size_t at, std::int64_t bytes) {
    if (bytes <= 0) return;
    const auto here = static_cast<std::int32_t>(at);
    program_.buffers.push_back({Bytes{bytes}, here, here});
}

void ProgramBuilder::collect() {
    for (std::size_t i = 0; i < root_.size(); ++i) {
        const Tensor& tensor = graph_.tensors[i];
        const bool own = root_[i] == static_cast<std::int32_t>(i);
        if (!own || first_[i] < 0 || tensor.persistent || tensor.place != Place::device) continue;
        const Bytes size{bytes(tensor).count() + extra_[i]};
        const bool output = engine_.buffers.retained_logits > 0.0 && tensor.role == Role::logits &&
                            tensor.dtype == DType::f32;
        program_.buffers.push_back({size, first_[i], last_[i], stream_of(first_[i]),
                                    output ? BufferLife::two_later : BufferLife::micro_batch});
    }
}

/// Transformer Engine allocates what an exchange over context ranks puts out on that exchange's
/// stream (context_parallel.py, flash_attn_a2a_communicate).
BlockStream ProgramBuilder::stream_of(std::int32_t at) const {
    const auto* op = std::get_if<Collective>(&graph_.ops[static_cast<std::size_t>(at)].op);
    const bool exchanges = op != nullptr && op->kind == CollectiveKind::all_to_all &&
                           op->axis == Axis::context &&
                           engine_.weight_gradient == WeightGradient::main;
    return exchanges ? BlockStream::exchange : BlockStream::compute;
}

/// The first op of the loss, or where another stage has it, of the backward pass: what is made from
/// there on is there for one micro-batch at a time, however many wait in a pipeline.
std::size_t ProgramBuilder::loss_begin() const {
    std::size_t begin = 0;
    for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
        const OpNode& node = graph_.ops[at];
        const bool forward = node.phase == Phase::forward && !node.recomputed;
        if (forward && (node.layer >= 0 || !lowering_.stage.has_head)) begin = at + 1;
    }
    return begin;
}

/// Events in op order: an op's outputs are allocated, then what it read last is released.
void ProgramBuilder::order() {
    const std::size_t turn = loss_begin();
    std::vector<std::vector<std::uint32_t>> starts(graph_.ops.size());
    std::vector<std::vector<std::uint32_t>> ends(graph_.ops.size());
    for (std::uint32_t b = 0; b < program_.buffers.size(); ++b) {
        starts[static_cast<std::size_t>(program_.buffers[b].first)].push_back(b);
        ends[static_cast<std::size_t>(program_.buffers[b].last)].push_back(b);
    }
    for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
        auto& list = at < turn ? program_.forward : program_.backward;
        for (const auto b : starts[at]) list.push_back({EventKind::allocate, b});
        for (const auto b : ends[at]) list.push_back({EventKind::release, b});
    }
}

}  // namespace headroom
