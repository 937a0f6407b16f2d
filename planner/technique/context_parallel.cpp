#include "planner/technique/context_parallel.h"

#include "planner/technique/replay.h"

namespace headroom {
namespace {

class ContextSplitter {
public:
    explicit ContextSplitter(Lowering& lowering)
        : replay_(lowering.graph),
          ranks_(lowering.request.layout.context),
          trades_heads_(lowering.request.layout.context_kind == ContextKind::ulysses) {}

    StepGraph run() {
        for (const auto& node : replay_.old().ops) visit(node);
        return replay_.finish();
    }

private:
    void visit(const OpNode& node) {
        auto in = replay_.mapped_inputs(node);
        if (std::holds_alternative<Attention>(node.op) || std::holds_alternative<Scores>(node.op)) {
            enter(node, in);
            const auto out = replay_.emit_as(node, node.op, in);
            if (trades_heads_ && std::holds_alternative<Attention>(node.op)) leave(node, out[0]);
            return;
        }
        if (std::holds_alternative<Context>(node.op)) {
            in[1] = moved(node, in[1]);
            const auto out = replay_.emit_as(node, node.op, in);
            if (trades_heads_) leave(node, out[0]);
            return;
        }
        replay_.emit_as(node, node.op, in);
    }

    void enter(const OpNode& node, std::vector<TensorId>& in) {
        const std::size_t values = std::holds_alternative<Attention>(node.op) ? 3 : 2;
        for (std::size_t i = trades_heads_ ? 0 : 1; i < values; ++i) in[i] = moved(node, in[i]);
    }

    /// Keys or values of all tokens; with Ulysses all tokens of this rank's heads.
    TensorId moved(const OpNode& node, TensorId id) {
        Collective op{.kind = CollectiveKind::all_gather, .axis = Axis::context, .size = ranks_};
        if (trades_heads_) {
            op.kind = CollectiveKind::all_to_all;
            op.columns = replay_[id].shape[1] / ranks_;
        }
        return replay_.insert(node, op, {id}, replay_[id].label.part);
    }

    /// Back to this rank's tokens of all heads.
    void leave(const OpNode& node, TensorId out) {
        const Collective op{.kind = CollectiveKind::all_to_all,
                            .axis = Axis::context,
                            .size = ranks_,
                            .columns = replay_[out].shape[1] * ranks_};
        const TensorId back = replay_.insert(node, op, {out}, "attn.context");
        replay_.map(replay_.old().outputs(node)[0], back);
    }

    Replay replay_;
    std::int64_t ranks_;
    bool trades_heads_;
};

}  // namespace

void context_parallel(Lowering& lowering) { lowering.graph = ContextSplitter(lowering).run(); }

}  // namespace headroom
