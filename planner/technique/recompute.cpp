#include "planner/technique/recompute.h"

#include <algorithm>
#include <cmath>

#include "planner/technique/insertions.h"

namespace headroom {
namespace {

/// What is in a wider or a rounded form only while an op reads it.
bool makes_temporary(const Op& op) {
    return std::holds_alternative<Dequantize>(op) || std::holds_alternative<FakeQuantize>(op);
}

bool always_cloned(const Op& op) {
    if (makes_temporary(op)) return true;
    const auto* collective = std::get_if<Collective>(&op);
    return collective != nullptr && collective->kind == CollectiveKind::all_gather &&
           collective->axis == Axis::tensor;
}

bool selected(const Op& op, const SelectiveOps& ops) {
    if (std::holds_alternative<Norm>(op)) return ops.norm;
    if (std::holds_alternative<Activate>(op)) return ops.activation;
    // Dropout on probabilities; a branch's own writes over its input and is gone.
    const auto* dropout = std::get_if<Dropout>(&op);
    return ops.attention &&
           (std::holds_alternative<Attention>(op) || std::holds_alternative<Scores>(op) ||
            std::holds_alternative<Softmax>(op) || std::holds_alternative<Context>(op) ||
            (dropout != nullptr && !dropout->in_place));
}

/// The sum that starts a block: what is kept instead of both addends.
bool is_entry_sum(const Op& op) {
    const auto* norm = std::get_if<Norm>(&op);
    return std::holds_alternative<Add>(op) || (norm != nullptr && norm->residual);
}

class Recomputer {
public:
    explicit Recomputer(Lowering& lowering)
        : graph_(lowering.graph),
          spec_(lowering.request.recompute),
          producer_(graph_.tensors.size(), -1),
          kept_(graph_.tensors.size(), false),
          clone_of_(graph_.tensors.size()),
          passing_clone_of_(graph_.tensors.size()) {
        number_layers(lowering.stage);
        while (forward_ < graph_.ops.size() && graph_.ops[forward_].phase == Phase::forward) {
            ++forward_;
        }
        dropped_.assign(forward_, false);
        segment_.assign(forward_, -1);
    }

    void run() {
        mark();
        const std::size_t ops = graph_.ops.size();
        for (std::size_t at = forward_; at < ops; ++at) redirect(at);
        insertions_.merge_into(graph_);
    }

private:
    /// Layers are counted along the stage; encoder and decoder are one sequence.
    void number_layers(const Stage& stage) {
        std::int64_t layers = 0;
        for (const auto& node : graph_.ops) {
            layers = std::max<std::int64_t>(layers, node.layer + 1);
        }
        position_.assign(static_cast<std::size_t>(layers), 0);
        std::int64_t next = 0;
        for (const auto& chunk : stage.chunks) {
            for (auto layer = chunk.first; layer < std::min(chunk.last, layers); ++layer) {
                position_[static_cast<std::size_t>(layer)] = next++;
            }
        }
        if (stage.chunks.empty()) {
            for (auto& position : position_) position = next++;
        }
        span_ = segment_layers(spec_, next);
    }

    void mark() {
        const bool whole =
            spec_.mode != RecomputeMode::none && spec_.mode != RecomputeMode::selective;
        for (std::size_t at = 0; at < forward_; ++at) {
            const auto& node = graph_.ops[at];
            for (const auto id : graph_.outputs(node)) {
                producer_[static_cast<std::size_t>(id.index)] = static_cast<std::int32_t>(at);
            }
            if (whole && node.layer >= 0) {
                segment_[at] = position_[static_cast<std::size_t>(node.layer)] / span_;
                dropped_[at] = true;
            }
            dropped_[at] = dropped_[at] || always_cloned(node.op) ||
                           (spec_.mode == RecomputeMode::selective && node.layer >= 0 &&
                            selected(node.op, spec_.ops));
        }
        for (std::size_t at = 0; at < forward_; ++at) keep_entries(at);
    }

    /// What crosses into a segment stays; of a sum of two values that do, only the sum.
    void keep_entries(std::size_t at) {
        const auto& node = graph_.ops[at];
        const auto outputs = graph_.outputs(node);
        if (spec_.mode == RecomputeMode::selective && is_entry_sum(node.op) && dropped_[at]) {
            keep(outputs[0]);
        }
        if (segment_[at] < 0) return;
        const auto inputs = graph_.inputs(node);
        if (is_entry_sum(node.op) && enters(inputs[0], at) && enters(inputs[1], at)) {
            keep(outputs[0]);
            return;
        }
        for (const auto id : inputs) {
            if (enters(id, at)) keep(id);
        }
    }

    /// Whether a value that an op reads was made outside the op's segment.
    [[nodiscard]] bool enters(TensorId id, std::size_t at) const {
        const auto from = producer_[static_cast<std::size_t>(id.index)];
        return from >= 0 && segment_[static_cast<std::size_t>(from)] != segment_[at];
    }

    void keep(TensorId id) { kept_[static_cast<std::size_t>(id.index)] = true; }

    /// The op that must run again to have `id`, or -1.
    [[nodiscard]] std::int32_t source(TensorId id) const {
        const auto at = static_cast<std::size_t>(id.index);
        if (at >= producer_.size() || producer_[at] < 0 || kept_[at]) return -1;
        return dropped_[static_cast<std::size_t>(producer_[at])] ? producer_[at] : -1;
    }

    /// Whose sake an op runs again for: a backward op's, or another op's that runs again.
    enum class Reader : std::uint8_t { backward, rerun };
    using Clones = std::vector<TensorId>;

    /// Where a clone is looked up. What is cheaper to make than to keep does not wait in a re-run
    /// segment for its backward readers: they make it again. The gathers of a single layer do wait,
    /// since their readers come at once.
    Clones& clones(const Op& op, Reader reader) {
        if (reader == Reader::backward || !always_cloned(op)) return clone_of_;
        const bool waits = span_ == 1 && !makes_temporary(op);
        return waits ? clone_of_ : passing_clone_of_;
    }

    /// The value itself, or a clone of it made right before op `at`.
    TensorId available(TensorId id, std::size_t at, Reader reader) {
        const std::int32_t from = source(id);
        if (from < 0) return id;
        Clones& clone_of = clones(graph_.ops[static_cast<std::size_t>(from)].op, reader);
        const auto index = static_cast<std::size_t>(id.index);
        if (!clone_of[index].valid()) clone_op(static_cast<std::size_t>(from), at, clone_of);
        return clone_of[index];
    }

    void redirect(std::size_t at) {
        const std::size_t count = graph_.ops[at].in_count;
        for (std::size_t i = 0; i < count; ++i) {
            const TensorId id = available(graph_.inputs(graph_.ops[at])[i], at, Reader::backward);
            graph_.inputs(graph_.ops[at])[i] = id;
        }
        follow(graph_.ops[at]);
    }

    /// What an op writes over a clone lies where the clone lies.
    void follow(const OpNode& node) {
        const Outputs declared =
            std::visit([&](const auto& op) { return op.outputs(graph_.specs(node)); }, node.op);
        std::size_t i = 0;
        for (const auto& spec : declared) {
            Tensor& out = graph_[graph_.outputs(node)[i++]];
            if (spec.alias < 0) continue;
            const Tensor& in = graph_[graph_.inputs(node)[static_cast<std::size_t>(spec.alias)]];
            lie_over(out, spec, in);
        }
    }

    void clone_op(std::size_t from, std::size_t at, Clones& clone_of) {
        const OpNode node = graph_.ops[from];  // a copy: clones of what it reads move the list
        const auto* norm = std::get_if<Norm>(&node.op);
        const bool from_sum = norm != nullptr && norm->residual &&
                              kept_[static_cast<std::size_t>(graph_.outputs(node)[0].index)];
        std::vector<TensorId> in;
        in.reserve(node.in_count);
        Op op = node.op;
        if (from_sum) {
            // The sum is still there: only the normalisation runs again.
            std::get<Norm>(op).residual = false;
            in.push_back(graph_.outputs(node)[0]);
            for (const auto id : graph_.inputs(node).subspan(2)) in.push_back(id);
        } else {
            for (std::size_t i = 0; i < node.in_count; ++i) {
                in.push_back(available(graph_.inputs(node)[i], at, Reader::rerun));
            }
        }
        const auto out = place(node, std::move(op), in, at);
        for (std::size_t i = 0; i < out.size(); ++i) {
            const TensorId old_id = graph_.outputs(node)[i + (from_sum ? 1 : 0)];
            graph_[out[i]].label = graph_[old_id].label;
            graph_[out[i]].role = graph_[old_id].role;
            clone_of[static_cast<std::size_t>(old_id.index)] = out[i];
        }
    }

    /// A copy of an op, put before op `at`. -> its outputs.
    Emitted place(const OpNode& like, Op op, const std::vector<TensorId>& in, std::size_t at) {
        auto out = graph_.emit(std::move(op), in, {.layer = like.layer}, Phase::backward);
        OpNode node = graph_.ops.back();
        graph_.ops.pop_back();
        node.recomputed = true;
        insertions_.before(at, std::move(node));
        return out;
    }

    StepGraph& graph_;
    RecomputeSpec spec_;
    std::size_t forward_ = 0;
    std::int64_t span_ = 1;
    std::vector<std::int64_t> position_{};
    std::vector<std::int32_t> producer_;
    std::vector<bool> kept_;
    Clones clone_of_;          ///< by value, for backward readers and most others
    Clones passing_clone_of_;  ///< by value, for the re-run alone
    std::vector<bool> dropped_{};
    std::vector<std::int64_t> segment_{};
    Insertions insertions_{};
};

}  // namespace

std::int64_t segment_layers(const RecomputeSpec& spec, std::int64_t layers) {
    const std::int64_t count = std::max<std::int64_t>(layers, 1);
    switch (spec.mode) {
        case RecomputeMode::every:
            return std::min(spec.every, count);
        case RecomputeMode::sqrt:
            return static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(count))));
        case RecomputeMode::all:
            return count;
        case RecomputeMode::none:
        case RecomputeMode::selective:
        case RecomputeMode::layer:
            return 1;
    }
    return 1;
}

void recompute(Lowering& lowering) { Recomputer(lowering).run(); }

}  // namespace headroom
