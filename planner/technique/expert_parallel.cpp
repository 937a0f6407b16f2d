#include "planner/technique/expert_parallel.h"

#include <cmath>

#include "planner/technique/replay.h"

namespace headroom {
namespace {

class ExpertSpreader {
public:
    explicit ExpertSpreader(Lowering& lowering)
        : replay_(lowering.graph),
          ranks_(lowering.request.layout.expert),
          imbalance_(lowering.request.train.moe_imbalance) {}

    StepGraph run() {
        for (const auto& node : replay_.old().ops) visit(node);
        return replay_.finish();
    }

private:
    void visit(const OpNode& node) {
        std::vector<TensorId> in;
        for (const auto old_id : replay_.old().inputs(node)) in.push_back(input(old_id));
        if (std::holds_alternative<Unpermute>(node.op)) {
            in[0] = travel(node, in[0], replay_[in[1]].shape[0]);
            replay_.emit_as(node, node.op, in);
            return;
        }
        const auto out = replay_.emit_as(node, node.op, in);
        if (const auto* permute = std::get_if<Permute>(&node.op)) send_rows(node, *permute, out);
    }

    TensorId input(TensorId old_id) {
        const bool first = !replay_.has(old_id);
        const TensorId id = replay_.mapped(old_id);
        Tensor& tensor = replay_.next()[id];
        if (first && tensor.parameter.is_parameter && tensor.parameter.unit == UnitKind::expert) {
            tensor.shape[0] /= ranks_;
        }
        return id;
    }

    /// Rows and their routing weights go to the rank that holds their expert.
    void send_rows(const OpNode& node, const Permute& op, const Emitted& out) {
        const std::int64_t rows = replay_[out[0]].shape[0];
        const auto arriving =
            op.slots > 0
                ? rows
                : static_cast<std::int64_t>(std::ceil(static_cast<double>(rows) * imbalance_));
        const auto old_out = replay_.old().outputs(node);
        for (std::size_t i = 0; i < 2; ++i) {
            replay_.map(old_out[i], travel(node, out[i], arriving));
        }
    }

    TensorId travel(const OpNode& node, TensorId id, std::int64_t rows) {
        const Collective op{
            .kind = CollectiveKind::all_to_all, .axis = Axis::expert, .size = ranks_, .rows = rows};
        return replay_.insert(node, op, {id}, replay_[id].label.part);
    }

    Replay replay_;
    std::int64_t ranks_;
    double imbalance_;
};

}  // namespace

void expert_parallel(Lowering& lowering) { lowering.graph = ExpertSpreader(lowering).run(); }

}  // namespace headroom
