#include "planner/engine/step_program.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <variant>

#include "planner/engine/operator_chain.h"
#include "planner/step/lifetime.h"

namespace headroom {
namespace {

/// x.float(), square (keeps it), mean and rsqrt by row, times rstd (keeps x), to 16 bit, times the
/// gain (keeps the normalised value): transformers' and litgpt's RMSNorm, torch's composite one.
constexpr std::array kUpcastNorm{
    ChainOp{.in = 0, .bytes = 4},
    ChainOp{.in = 1, .bytes = 4, .keeps = Keeps::input},
    ChainOp{.in = 1, .bytes = 4, .keeps = Keeps::input},
    ChainOp{.in = 3, .bytes = 2},
    ChainOp{.in = 4, .bytes = 2, .keeps = Keeps::input},
};
/// The same with the gain applied in fp32: one more fp32 value is kept.
constexpr std::array kCompositeNorm{
    ChainOp{.in = 0, .bytes = 4},
    ChainOp{.in = 1, .bytes = 4, .keeps = Keeps::input},
    ChainOp{.in = 1, .bytes = 4, .keeps = Keeps::input},
    ChainOp{.in = 3, .bytes = 4, .keeps = Keeps::input},
    ChainOp{.in = 4, .bytes = 2},
};
/// silu(gate) keeps its input, the product keeps silu's output and the other factor.
constexpr std::array kTwoOpGate{
    ChainOp{.in = 0, .bytes = 2, .keeps = Keeps::input},
    ChainOp{.in = 1, .bytes = 2, .keeps = Keeps::input},
};
/// logits in fp32, their contiguous shift, log-softmax (keeps its output).
constexpr std::array kShiftedLoss{
    ChainOp{.in = 0, .bytes = 4},
    ChainOp{.in = 1, .bytes = 4, .keeps = Keeps::output},
    ChainOp{.in = 2, .bytes = 4},
};

static_assert(kept_between(kUpcastNorm) == 6);
static_assert(kept_between(kCompositeNorm) == 8);
static_assert(kept_between(kTwoOpGate) == 2);
static_assert(kept_between(kShiftedLoss) == 4);

std::int64_t elements(const StepGraph& graph, TensorId id) { return numel(graph[id].shape); }

/// Builds the program: who shares bytes with whom, what each op adds, and when bytes go.
class Builder {
public:
    Builder(const Lowering& lowering, const Engine& engine, const EngineSettings& settings)
        : lowering_(lowering),
          graph_(lowering.graph),
          engine_(engine),
          settings_(settings),
          root_(graph_.tensors.size()),
          extra_(graph_.tensors.size(), 0),
          first_(graph_.tensors.size(), -1),
          last_(graph_.tensors.size(), -1) {
        for (std::size_t i = 0; i < root_.size(); ++i) root_[i] = graph_.tensors[i].storage.index;
    }

    StepProgram run() {
        for (std::size_t at = 0; at < graph_.ops.size(); ++at) visit(at);
        if (settings_.alternate_products) drop_alternate_products();
        collect();
        if (keeps_gradients()) collect_gradients();
        order();
        return std::move(program_);
    }

private:
    /// Whether the framework writes an output that may lie over an input into it.
    [[nodiscard]] bool writes_over(const Op& op) const {
        if (std::holds_alternative<CrossEntropyGrad>(op)) {
            return engine_.decomposition.loss == LossStyle::fused ||
                   engine_.decomposition.loss == LossStyle::megatron ||
                   engine_.decomposition.loss == LossStyle::chunked;
        }
        return std::holds_alternative<Accumulate>(op) || std::holds_alternative<Collective>(op) ||
               std::holds_alternative<CopyToGroup>(op) ||
               std::holds_alternative<SplitColumns>(op) ||
               std::holds_alternative<JoinColumns>(op) || engine_.launch == Launch::native;
    }

    void visit(std::size_t at) {
        const OpNode& node = graph_.ops[at];
        const Outputs declared =
            std::visit([&](const auto& op) { return op.outputs(graph_.specs(node)); }, node.op);
        const bool over = writes_over(node.op);
        std::size_t i = 0;
        for (const auto& spec : declared) {
            const auto out = static_cast<std::size_t>(graph_.outputs(node)[i++].index);
            if (spec.alias < 0) continue;
            const auto in = static_cast<std::size_t>(
                graph_.inputs(node)[static_cast<std::size_t>(spec.alias)].index);
            const bool views = !graph_.tensors[static_cast<std::size_t>(root_[in])].persistent;
            const bool copied =
                std::holds_alternative<SplitColumns>(node.op) && engine_.launch != Launch::native;
            root_[out] = (over && !copied) || !views ? root_[in] : static_cast<std::int32_t>(out);
        }
        if (gathers_for_weight_gradient(node, at)) --at;
        for (const auto id : graph_.inputs(node)) touch(id, at);
        for (const auto id : graph_.outputs(node)) touch(id, at);
        if (quantized()) keep_quantized_input(node, at);
        if (keeps_narrow_inputs()) narrow_inputs(node);
        add_kept(node);
        add_scratch(node, at);
    }

    /// The gather of a sequence-parallel input runs beside the product before it, the gradient of
    /// the input: both results are there at once.
    [[nodiscard]] bool gathers_for_weight_gradient(const OpNode& node, std::size_t at) const {
        const auto* op = std::get_if<Collective>(&node.op);
        return op != nullptr && node.recomputed && op->kind == CollectiveKind::all_gather &&
               at > 0 && std::holds_alternative<LinearGradInput>(graph_.ops[at - 1].op);
    }

    [[nodiscard]] bool quantized() const {
        return lowering_.request.adapter.kind == AdapterKind::qlora;
    }

    [[nodiscard]] bool keeps_narrow_inputs() const {
        return settings_.format != ProductFormat::compute &&
               engine_.weight_gradient == WeightGradient::main;
    }

    /// Transformer Engine keeps the inputs of a narrow product in its format: what norms and
    /// activations put out is kept in half the bytes, attention's output in both formats.
    void narrow_inputs(const OpNode& node) {
        if (node.layer < 0 || node.phase != Phase::forward) return;
        const auto outputs = graph_.outputs(node);
        if (const auto* norm = std::get_if<Norm>(&node.op)) {
            const TensorId y = outputs[norm->residual ? 1 : 0];
            if (norm->group == 0) keep(y, -half(y));
        } else if (std::holds_alternative<Activate>(node.op)) {
            keep(outputs[0], -half(outputs[0]));
        } else if (std::holds_alternative<Attention>(node.op)) {
            keep(outputs[1], half(outputs[0]));
        }
    }
    [[nodiscard]] std::int64_t half(TensorId id) const { return bytes(graph_[id]).count() / 2; }

    /// bitsandbytes' product with 4-bit weights keeps its input for the backward pass, though a
    /// frozen weight needs no gradient (MatMul4Bit saves A).
    void keep_quantized_input(const OpNode& node, std::size_t at) {
        const auto inputs = graph_.inputs(node);
        const bool forward = std::holds_alternative<Linear>(node.op);
        if (!forward && !std::holds_alternative<LinearGradInput>(node.op)) return;
        const Label& weight = graph_[inputs[1]].label;
        auto& input = quantized_input_[{weight.layer, weight.part}];
        if (forward) {
            const bool whole = lowering_.request.recompute.mode == RecomputeMode::none;
            if (whole || node.recomputed) input = inputs[0];
        } else if (input.valid()) {
            touch(input, at);
        }
    }

    /// Whether gradients appear during the backward pass: without accumulation they are gone when
    /// a step begins.
    [[nodiscard]] bool keeps_gradients() const {
        return gradients_appear(lowering_.request, engine_);
    }

    /// A parameter's gradient, from its first write to the update after the backward pass.
    void collect_gradients() {
        const double each =
            settings_.gradient_bytes > 0.0 ? settings_.gradient_bytes : engine_.states.gradient;
        std::vector<std::int32_t> written(graph_.tensors.size(), -1);
        for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
            for (const auto id : graph_.outputs(graph_.ops[at])) {
                auto& first = written[static_cast<std::size_t>(id.index)];
                if (first < 0) first = static_cast<std::int32_t>(at);
            }
        }
        const auto end = static_cast<std::int32_t>(graph_.ops.size()) - 1;
        for (const auto& unit : lowering_.units) {
            for (const auto id : unit.parameters) {
                const TensorId gradient = graph_[id].parameter.gradient;
                if (!gradient.valid()) continue;
                const auto first = written[static_cast<std::size_t>(gradient.index)];
                const auto size = static_cast<double>(elements(graph_, id)) * each;
                program_.buffers.push_back(
                    {Bytes{static_cast<std::int64_t>(size)}, first < 0 ? end : first, end});
            }
        }
    }

    /// Selective checkpointing by operator: of a layer's products every second one is kept, and of
    /// what lies between them nothing but the attention's output; the rest is made again when its
    /// layer's backward pass begins.
    void drop_alternate_products() {
        std::vector<std::int32_t> products(layer_count(), 0);
        for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
            const OpNode& node = graph_.ops[at];
            if (node.phase != Phase::forward || node.layer < 0) continue;
            const bool product = std::holds_alternative<Linear>(node.op);
            auto& count = products[static_cast<std::size_t>(node.layer)];
            if (product && count++ % 2 == 0) continue;
            if (std::holds_alternative<Attention>(node.op)) continue;
            const bool sums =
                std::holds_alternative<Norm>(node.op) && std::get<Norm>(node.op).residual && at > 0;
            std::size_t i = 0;
            for (const auto id : graph_.outputs(node)) {
                if (sums && i++ == 0 && starts_layer(at)) continue;
                drop(id);
            }
        }
    }

    [[nodiscard]] std::size_t layer_count() const {
        std::int32_t most = 0;
        for (const auto& node : graph_.ops) most = std::max(most, node.layer + 1);
        return static_cast<std::size_t>(most);
    }

    [[nodiscard]] bool starts_layer(std::size_t at) const {
        return at == 0 || graph_.ops[at - 1].layer != graph_.ops[at].layer;
    }

    /// Ends a buffer with its last forward reader; a second one serves the backward pass.
    void drop(TensorId id) {
        const auto root = static_cast<std::size_t>(root_[static_cast<std::size_t>(id.index)]);
        if (root != static_cast<std::size_t>(id.index)) return;
        std::int32_t forward_end = first_[root];
        std::int32_t again = -1;
        for (auto at = first_[root]; at <= last_[root]; ++at) {
            const OpNode& node = graph_.ops[static_cast<std::size_t>(at)];
            for (const auto in : graph_.inputs(node)) {
                if (root_[static_cast<std::size_t>(in.index)] != static_cast<std::int32_t>(root)) {
                    continue;
                }
                if (node.phase == Phase::forward) {
                    forward_end = at;
                } else if (again < 0) {
                    again = at;
                }
            }
        }
        if (again < 0) return;
        const Bytes size{bytes(graph_[id]).count() + extra_[root]};
        program_.buffers.push_back({size, again, last_[root]});
        last_[root] = forward_end;
    }

    void touch(TensorId id, std::size_t at) {
        const auto root = static_cast<std::size_t>(root_[static_cast<std::size_t>(id.index)]);
        if (first_[root] < 0) first_[root] = static_cast<std::int32_t>(at);
        last_[root] = static_cast<std::int32_t>(at);
    }

    void keep(TensorId with, std::int64_t bytes) {
        extra_[static_cast<std::size_t>(root_[static_cast<std::size_t>(with.index)])] += bytes;
    }

    void scratch(std::size_t at, std::int64_t bytes) {
        if (bytes <= 0) return;
        const auto here = static_cast<std::int32_t>(at);
        program_.buffers.push_back({Bytes{bytes}, here, here});
    }

    /// Values of an operator chain that autograd keeps beside what the graph keeps.
    void add_kept(const OpNode& node) {
        const auto& how = engine_.decomposition;
        const auto outputs = graph_.outputs(node);
        if (const auto* norm = std::get_if<Norm>(&node.op)) {
            if (how.norm == NormStyle::fused || norm->kind == NormKind::layer) return;
            const bool upcast = how.norm == NormStyle::upcast;
            const int kept = upcast ? kept_between(kUpcastNorm) : kept_between(kCompositeNorm);
            const std::size_t stats = norm->residual ? 2 : 1;
            keep(outputs[stats], kept * elements(graph_, outputs[stats - 1]));
        } else if (const auto* act = std::get_if<Activate>(&node.op)) {
            if (act->gated && how.gate == GateStyle::two_ops) {
                keep(graph_.inputs(node)[0],
                     kept_between(kTwoOpGate) * elements(graph_, outputs[0]));
            }
        } else if (std::holds_alternative<CrossEntropy>(node.op)) {
            if (how.loss == LossStyle::shifted_eager || how.loss == LossStyle::eager) {
                const std::int64_t logits = elements(graph_, graph_.inputs(node)[0]);
                keep(outputs.back(), kept_between(kShiftedLoss) * logits);
            }
        } else if (std::holds_alternative<Attention>(node.op) && how.repeats_kv) {
            const std::int64_t wide = elements(graph_, outputs[0]);
            const std::int64_t kv = elements(graph_, graph_.inputs(node)[1]);
            if (wide > kv) keep(outputs[1], 2 * 2 * (wide - kv));
        }
    }

    void add_scratch(const OpNode& node, std::size_t at) {
        const auto inputs = graph_.inputs(node);
        if (std::holds_alternative<CrossEntropy>(node.op)) {
            const std::int64_t logits = elements(graph_, inputs[0]);
            if (engine_.decomposition.loss == LossStyle::shifted_eager) scratch(at, 4 * logits);
        } else if (std::holds_alternative<LinearGradWeight>(node.op) ||
                   std::holds_alternative<GroupedGradWeight>(node.op)) {
            if (engine_.weight_gradient == WeightGradient::main || keeps_gradients()) return;
            scratch(at, 2 * elements(graph_, graph_.outputs(node)[0]));
        }
    }

    void collect() {
        for (std::size_t i = 0; i < root_.size(); ++i) {
            const Tensor& tensor = graph_.tensors[i];
            const bool own = root_[i] == static_cast<std::int32_t>(i);
            if (!own || first_[i] < 0 || tensor.persistent || tensor.place != Place::device)
                continue;
            const Bytes size{bytes(tensor).count() + extra_[i]};
            program_.buffers.push_back({size, first_[i], last_[i]});
        }
    }

    /// Events in op order: an op's outputs are allocated, then what it read last is released.
    void order() {
        std::vector<std::vector<std::uint32_t>> starts(graph_.ops.size());
        std::vector<std::vector<std::uint32_t>> ends(graph_.ops.size());
        for (std::uint32_t b = 0; b < program_.buffers.size(); ++b) {
            starts[static_cast<std::size_t>(program_.buffers[b].first)].push_back(b);
            ends[static_cast<std::size_t>(program_.buffers[b].last)].push_back(b);
        }
        for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
            auto& list =
                graph_.ops[at].phase == Phase::forward ? program_.forward : program_.backward;
            for (const auto b : starts[at]) list.push_back({EventKind::allocate, b});
            for (const auto b : ends[at]) list.push_back({EventKind::release, b});
        }
    }

    const Lowering& lowering_;
    const StepGraph& graph_;
    const Engine& engine_;
    const EngineSettings& settings_;
    std::map<std::pair<std::int32_t, std::string_view>, TensorId> quantized_input_{};
    std::vector<std::int32_t> root_;
    std::vector<std::int64_t> extra_;
    std::vector<std::int32_t> first_;
    std::vector<std::int32_t> last_;
    StepProgram program_{};
};

std::int64_t change(const StepProgram& program, const ProgramEvent& event) {
    const std::int64_t size = round_up(program.buffers[event.buffer].size.count(), kAlignment);
    return event.kind == EventKind::allocate ? size : -size;
}

}  // namespace

bool gradients_appear(const PlanRequest& request, const Engine& engine) {
    return engine.weight_gradient == WeightGradient::own && request.train.accumulation == 1 &&
           request.layout.zero < 2 && request.layout.pipeline == 1;
}

StepProgram step_program(const Lowering& lowering, const Engine& engine,
                         const EngineSettings& settings) {
    return Builder(lowering, engine, settings).run();
}

Bytes StepProgram::kept() const {
    std::int64_t sum = 0;
    for (const auto& event : forward) sum += change(*this, event);
    return Bytes{sum};
}

Bytes peak_of(const StepProgram& program, std::int64_t in_flight) {
    std::int64_t live = program.kept().count() * std::max<std::int64_t>(in_flight - 1, 0);
    std::int64_t highest = live;
    for (const auto* list : {&program.forward, &program.backward}) {
        for (const auto& event : *list) {
            live += change(program, event);
            highest = std::max(highest, live);
        }
    }
    return Bytes{highest};
}

}  // namespace headroom
