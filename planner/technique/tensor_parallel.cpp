#include "planner/technique/tensor_parallel.h"

#include <algorithm>
#include <array>
#include <map>

#include "planner/technique/replay.h"

namespace headroom {
namespace {

/// How a value is spread over the tensor group: alike on every rank, by tokens, by features, or as
/// one addend a rank.
enum class Spread : std::uint8_t { whole, tokens, features, partial };

class Splitter {
public:
    explicit Splitter(Lowering& lowering)
        : replay_(lowering.graph),
          ranks_(lowering.request.layout.tensor),
          by_tokens_(lowering.request.layout.sequence_parallel) {}

    StepGraph run() {
        for (const auto& node : replay_.old().ops) visit(node);
        return replay_.finish();
    }

private:
    [[nodiscard]] Spread spread(TensorId id) const {
        const auto at = static_cast<std::size_t>(id.index);
        return at < spread_.size() ? spread_[at] : Spread::whole;
    }
    void set(TensorId id, Spread value) {
        const auto at = static_cast<std::size_t>(id.index);
        if (at >= spread_.size()) spread_.resize(at + 64, Spread::whole);
        spread_[at] = value;
    }

    /// Rows of a parameter that one rank holds, key/value heads being copied when they are too few.
    [[nodiscard]] std::int64_t local_rows(const Tensor& parameter, std::size_t axis) const {
        const auto& info = parameter.parameter;
        const std::int64_t rows = parameter.shape[axis];
        if (info.kv_heads == 0) return rows / ranks_;
        return (rows - info.kv_rows) / ranks_ + info.kv_rows / std::min(ranks_, info.kv_heads);
    }

    void split_parameter(TensorId id) {
        Tensor& tensor = replay_.next()[id];
        if (!tensor.parameter.is_parameter || tensor.parameter.split == Split::none) return;
        const std::size_t rank = tensor.shape.rank();
        // Of (E, out, in), (out, in) and (out): rows are the last but one, columns the last.
        const std::size_t axis =
            tensor.parameter.split == Split::columns ? rank - 1 : (rank > 1 ? rank - 2 : 0);
        const bool bias_of_experts = tensor.parameter.unit == UnitKind::expert && rank == 2;
        const std::size_t at = bias_of_experts ? 1 : axis;
        tensor.shape[at] = local_rows(tensor, at);
    }

    TensorId input(TensorId old_id) {
        const bool first = !replay_.has(old_id);
        const TensorId id = replay_.mapped(old_id);
        if (first) split_parameter(id);
        return id;
    }

    /// The sum of the ranks' addends: by tokens under sequence parallelism, else on every rank.
    TensorId reduced(const OpNode& node, TensorId id) {
        if (spread(id) != Spread::partial) return id;
        if (const auto found = reduced_.find(id); found != reduced_.end()) return found->second;
        const Collective op{
            .kind = by_tokens_ ? CollectiveKind::reduce_scatter : CollectiveKind::all_reduce,
            .axis = Axis::tensor,
            .size = ranks_};
        // It belongs to the layer that made the addends, not to the one that reads the sum.
        OpNode producer = node;
        producer.layer = replay_[id].label.layer;
        const TensorId out = replay_.insert(producer, op, {id}, replay_[id].label.part);
        set(out, by_tokens_ ? Spread::tokens : Spread::whole);
        return reduced_[id] = out;
    }

    /// The value as the entry of a column-parallel region: all tokens, gradients summed back.
    TensorId entered(const OpNode& node, TensorId id) {
        if (const auto found = entered_.find(id); found != entered_.end()) return found->second;
        TensorId out{};
        if (spread(id) == Spread::tokens) {
            const Collective op{
                .kind = CollectiveKind::all_gather, .axis = Axis::tensor, .size = ranks_};
            out = replay_.insert(node, op, {id}, "tp.gather");
        } else if (replay_[id].needs_gradient) {
            out = replay_.insert(node, CopyToGroup{.axis = Axis::tensor, .size = ranks_}, {id},
                                 "tp.copy");
        } else {
            out = id;
        }
        set(out, Spread::whole);
        return entered_[id] = out;
    }

    Emitted emit(const OpNode& node, Op op, std::vector<TensorId> in, Spread result) {
        const auto out = replay_.emit_as(node, std::move(op), in);
        for (const auto id : out) set(id, result);
        return out;
    }

    void visit(const OpNode& node) {
        std::vector<TensorId> in;
        for (std::size_t i = 0; i < node.in_count; ++i) {
            TensorId id = input(replay_.old().inputs(node)[i]);
            const bool keeps_addends = i == 0 && std::holds_alternative<LinearAdd>(node.op);
            const bool adapter_addend = i == 1 && std::holds_alternative<LinearAdd>(node.op);
            if (!keeps_addends && !adapter_addend) id = reduced(node, id);
            in.push_back(id);
        }
        if (const auto* linear = std::get_if<Linear>(&node.op))
            return visit_linear(node, *linear, in);
        if (const auto* grouped = std::get_if<GroupedLinear>(&node.op)) {
            return visit_grouped(node, *grouped, in);
        }
        if (std::holds_alternative<LinearAdd>(node.op)) return visit_adapter(node, in);
        if (std::holds_alternative<Embedding>(node.op)) {
            emit(node, node.op, in, Spread::partial);
            return;
        }
        if (visit_special(node, in)) return;
        emit(node, node.op, in, common(in));
    }

    /// Element-wise and row-wise ops keep the spread of what they read.
    [[nodiscard]] Spread common(const std::vector<TensorId>& in) const {
        for (const auto id : in) {
            if (spread(id) != Spread::whole) return spread(id);
        }
        return Spread::whole;
    }

    void visit_linear(const OpNode& node, const Linear& op, std::vector<TensorId>& in) {
        switch (op.style) {
            case LinearStyle::column:
                in[0] = entered(node, in[0]);
                emit(node, op, in, Spread::features);
                return;
            case LinearStyle::row:
                emit(node, op, in, Spread::partial);
                return;
            case LinearStyle::replicated:
                emit(node, op, in, spread(in[0]));
                return;
        }
    }

    void visit_grouped(const OpNode& node, const GroupedLinear& op, std::vector<TensorId>& in) {
        if (op.column) in[0] = entered(node, in[0]);
        emit(node, op, in, op.column ? Spread::features : Spread::partial);
    }

    /// y += (x A) B: by columns the low-rank value enters like an input; by rows it is an addend.
    void visit_adapter(const OpNode& node, std::vector<TensorId>& in) {
        const Spread result = spread(in[0]);
        if (result == Spread::features) in[1] = entered(node, in[1]);
        emit(node, node.op, in, result);
    }

    /// Ops whose operands are spread differently. Returns whether it emitted the node.
    bool visit_special(const OpNode& node, std::vector<TensorId>& in) {
        if (std::holds_alternative<AddEmbedding>(node.op)) {
            in[1] = local_rows_of_input(in[1], replay_[in[0]].shape[0]);
            emit(node, node.op, in, spread(in[0]));
            return true;
        }
        if (const auto* receive = std::get_if<Receive>(&node.op)) {
            Receive op = *receive;
            if (by_tokens_) op.rows /= ranks_;
            emit(node, op, in, by_tokens_ ? Spread::tokens : Spread::whole);
            return true;
        }
        if (const auto* split = std::get_if<SplitColumns>(&node.op);
            split != nullptr && spread(in[0]) == Spread::features) {
            emit(node, local_split(*split, replay_[in[0]].shape[1]), in, Spread::features);
            return true;
        }
        if (std::holds_alternative<LatentKv>(node.op)) {
            in[1] = entered(node, in[1]);
            emit(node, node.op, in, Spread::features);
            return true;
        }
        if (auto unpermute = std::get_if<Unpermute>(&node.op)) {
            Unpermute op = *unpermute;
            op.tokens = by_tokens_ ? op.tokens / ranks_ : op.tokens;
            emit(node, op, in, spread(in[0]));
            return true;
        }
        if (auto permute = std::get_if<Permute>(&node.op);
            permute != nullptr && permute->slots > 0) {
            Permute op = *permute;
            op.slots = by_tokens_ ? ceil_div(op.slots, ranks_) : op.slots;
            emit(node, op, in, spread(in[0]));
            return true;
        }
        if (auto activate = std::get_if<Activate>(&node.op);
            activate != nullptr && activate->routed) {
            in.back() = entered(node, in.back());
            emit(node, node.op, in, Spread::features);
            return true;
        }
        return visit_loss(node, in);
    }

    bool visit_loss(const OpNode& node, std::vector<TensorId>& in) {
        if (const auto* head = std::get_if<HeadLoss>(&node.op)) {
            HeadLoss op = *head;
            op.shards = ranks_;
            in[0] = entered(node, in[0]);
            if (op.teacher.on) in[3] = entered(node, in[3]);
            sum_over_shards(node, emit(node, op, in, Spread::whole)[0]);
            return true;
        }
        if (const auto* loss = std::get_if<CrossEntropy>(&node.op)) {
            CrossEntropy op = *loss;
            op.shards = ranks_;
            sum_over_shards(node, emit(node, op, in, Spread::whole)[0]);
            return true;
        }
        if (const auto* norm = std::get_if<Norm>(&node.op);
            norm != nullptr && spread(in[0]) == Spread::features && norm->group == 0) {
            Norm op = *norm;
            op.shards = ranks_;
            emit(node, op, in, Spread::features);
            return true;
        }
        return false;
    }

    void sum_over_shards(const OpNode& node, TensorId stats) {
        const Collective op{
            .kind = CollectiveKind::all_reduce, .axis = Axis::tensor, .size = ranks_};
        const TensorId sum = replay_.insert(node, op, {stats}, replay_[stats].label.part);
        for (const auto id : replay_.old().outputs(node)) {
            if (replay_.mapped(id) == stats) replay_.map(id, sum);
        }
    }

    [[nodiscard]] SplitColumns local_split(const SplitColumns& whole, std::int64_t width) const {
        SplitColumns local{.a = whole.a / ranks_};
        local.b = (width - local.a) / (whole.c > 0 ? 2 : 1);
        local.c = whole.c > 0 ? local.b : 0;
        return local;
    }

    /// Positions of the tokens that this rank holds; nothing else reads them.
    TensorId local_rows_of_input(TensorId id, std::int64_t rows) {
        replay_.next()[id].shape[0] = rows;
        return id;
    }

    Replay replay_;
    std::int64_t ranks_;
    bool by_tokens_;
    std::vector<Spread> spread_{};
    std::map<TensorId, TensorId> entered_{};
    std::map<TensorId, TensorId> reduced_{};
};

}  // namespace

void tensor_parallel(Lowering& lowering) { lowering.graph = Splitter(lowering).run(); }

}  // namespace headroom
