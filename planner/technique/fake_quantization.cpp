#include "planner/technique/fake_quantization.h"

#include <map>

#include "planner/technique/adapter.h"
#include "planner/technique/replay.h"

namespace headroom {
namespace {

std::int64_t bits_of(QatType type) { return type == QatType::int4 ? 4 : 8; }

class FakeQuantizer {
public:
    explicit FakeQuantizer(Lowering& lowering)
        : replay_(lowering.graph), spec_(lowering.request.qat) {}

    StepGraph run() {
        for (const auto& node : replay_.old().ops) visit(node);
        return replay_.finish();
    }

private:
    void visit(const OpNode& node) {
        auto in = replay_.mapped_inputs(node);
        if (is_rounded(node)) {
            if (spec_.activations != QatType::none) {
                in[0] =
                    rounded(node, in[0], {.bits = bits_of(spec_.activations), .symmetric = false});
            }
            if (spec_.weights != QatType::none) {
                in[1] =
                    rounded(node, in[1], {.bits = bits_of(spec_.weights), .group = spec_.group});
            }
        }
        replay_.emit_as(node, node.op, in);
    }

    /// A layer that an adapter could be put on, or experts: not a router, a head or an adapter.
    [[nodiscard]] bool is_rounded(const OpNode& node) const {
        if (is_teacher(node.layer)) return false;
        if (std::holds_alternative<GroupedLinear>(node.op)) return true;
        return std::holds_alternative<Linear>(node.op) &&
               is_adapter_target(replay_.old()[replay_.old().inputs(node)[1]].label.part);
    }

    /// Layers that read the same value share its temporary.
    TensorId rounded(const OpNode& node, TensorId value, const FakeQuantization& to) {
        TensorId& out = rounded_of_[value];
        if (!out.valid()) {
            out = replay_.insert(node, FakeQuantize{.to = to}, {value}, replay_[value].label.part);
        }
        return out;
    }

    Replay replay_;
    const QatSpec& spec_;
    std::map<TensorId, TensorId> rounded_of_{};
};

}  // namespace

void fake_quantize(Lowering& lowering) { lowering.graph = FakeQuantizer(lowering).run(); }

}  // namespace headroom
