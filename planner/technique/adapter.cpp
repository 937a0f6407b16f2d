#include "planner/technique/adapter.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>

#include "planner/technique/weight_quantizer.h"

namespace headroom {
namespace {

/// A linear layer that adapters can be put on, by the part name of its weight, with the names of
/// the adapter's tensors.
struct TargetRow {
    std::string_view weight;
    std::string_view target;
    std::string_view a;
    std::string_view b;
    std::string_view magnitude;
};
#define HEADROOM_TARGET(block, module)                                            \
    TargetRow {                                                                   \
        block "." module ".weight", module, block "." module ".lora_A.weight",    \
            block "." module ".lora_B.weight", block "." module ".lora_magnitude" \
    }
constexpr std::array kTargets{
    HEADROOM_TARGET("attn", "q_proj"),      HEADROOM_TARGET("attn", "k_proj"),
    HEADROOM_TARGET("attn", "v_proj"),      HEADROOM_TARGET("attn", "o_proj"),
    HEADROOM_TARGET("attn", "qkv_proj"),    HEADROOM_TARGET("attn", "q_a_proj"),
    HEADROOM_TARGET("attn", "q_b_proj"),    HEADROOM_TARGET("attn", "kv_a_proj"),
    HEADROOM_TARGET("attn", "kv_b_proj"),   HEADROOM_TARGET("cross", "q_proj"),
    HEADROOM_TARGET("cross", "k_proj"),     HEADROOM_TARGET("cross", "v_proj"),
    HEADROOM_TARGET("cross", "o_proj"),     HEADROOM_TARGET("mlp", "gate_proj"),
    HEADROOM_TARGET("mlp", "up_proj"),      HEADROOM_TARGET("mlp", "down_proj"),
    HEADROOM_TARGET("mlp", "gate_up_proj"), HEADROOM_TARGET("shared", "gate_proj"),
    HEADROOM_TARGET("shared", "up_proj"),   HEADROOM_TARGET("shared", "down_proj"),
};
#undef HEADROOM_TARGET

const TargetRow* target_of(std::string_view weight, const AdapterSpec& spec) {
    const auto found = std::ranges::find(kTargets, weight, &TargetRow::weight);
    if (found == kTargets.end()) return nullptr;
    const bool wanted = spec.targets.empty() ||
                        std::ranges::find(spec.targets, found->target) != spec.targets.end();
    return wanted ? &*found : nullptr;
}

class Adapter {
public:
    explicit Adapter(Lowering& lowering)
        : replay_(lowering.graph),
          spec_(lowering.request.adapter),
          train_(lowering.request.train),
          quantizer_(replay_, spec_.double_quant ? Scales::quantized : Scales::plain) {}

    StepGraph run() {
        for (const auto& node : replay_.old().ops) visit(node);
        return replay_.finish();
    }

private:
    void visit(const OpNode& node) {
        auto in = replay_.mapped_inputs(node);
        if (is_teacher(node.layer)) {
            replay_.emit_as(node, node.op, in);
            return;
        }
        freeze(in);
        const TensorId weight = matrix_of(node, in);
        if (spec_.kind == AdapterKind::qlora && weight.valid() && node.layer >= 0) {
            in[1] = quantizer_.dequantized(node, weight);
        }
        const TargetRow* row =
            weight.valid() ? target_of(replay_[weight].label.part, spec_) : nullptr;
        if (row == nullptr || !std::holds_alternative<Linear>(node.op)) {
            replay_.emit_as(node, node.op, in);
            return;
        }
        add_adapter(node, *row, in);
    }

    void freeze(const std::vector<TensorId>& in) {
        for (const auto id : in) {
            Tensor& tensor = replay_.next()[id];
            if (!tensor.parameter.is_parameter || tensor.parameter.adapter) continue;
            tensor.parameter.trainable = false;
            tensor.needs_gradient = false;
        }
    }

    [[nodiscard]] TensorId matrix_of(const OpNode& node, const std::vector<TensorId>& in) const {
        const bool linear = std::holds_alternative<Linear>(node.op) ||
                            std::holds_alternative<GroupedLinear>(node.op);
        return linear && replay_[in[1]].parameter.is_parameter ? in[1] : TensorId{};
    }

    TensorId parameter(const TargetRow& row, std::string_view part, Shape shape, Split split,
                       const Tensor& base) {
        Tensor tensor{};
        tensor.shape = shape;
        tensor.dtype = train_.compute;
        tensor.label = {part, base.label.layer};
        tensor.role = Role::parameter;
        tensor.persistent = true;
        tensor.needs_gradient = true;
        tensor.parameter = {.is_parameter = true,
                            .trainable = true,
                            .decay = shape.rank() > 1,
                            .split = split,
                            .unit = base.parameter.unit,
                            .adapter = true};
        // B's rows are the base matrix's rows: key/value heads are split as there.
        if (part == row.b) {
            tensor.parameter.kv_heads = base.parameter.kv_heads;
            tensor.parameter.kv_rows = base.parameter.kv_rows;
        }
        return replay_.next().add(tensor);
    }

    void add_adapter(const OpNode& node, const TargetRow& row, std::vector<TensorId>& in) {
        const auto& linear = std::get<Linear>(node.op);
        const Tensor base = replay_[quantizer_.codes_of(in[1])];
        const bool by_rows = linear.style == LinearStyle::row;
        const Split a_split = by_rows ? Split::columns : Split::none;
        const Split b_split = linear.style == LinearStyle::column ? Split::rows : Split::none;
        const TensorId a = parameter(row, row.a, {spec_.rank, base.shape[1]}, a_split, base);
        const TensorId b = parameter(row, row.b, {base.shape[0], spec_.rank}, b_split, base);
        const double scale = spec_.alpha / static_cast<double>(spec_.rank);
        // DoRA scales the matrix, not the bias, which joins when that is done.
        const bool late_bias = spec_.kind == AdapterKind::dora && in.size() > 2;
        const std::span kept = std::span(in).first(late_bias ? 2 : in.size());
        const std::vector<TensorId> operands(kept.begin(), kept.end());
        const TensorId plain = replay_.emit_as(node, linear, operands)[0];
        TensorId x = in[0];
        if (spec_.dropout > 0.0) {
            x = replay_.insert(node,
                               Dropout{.rate = spec_.dropout, .in_place = false, .site = site(row)},
                               {x}, "lora.dropout");
        }
        const TensorId low = replay_.insert(
            node, Linear{.style = by_rows ? LinearStyle::row : LinearStyle::replicated}, {x, a},
            "lora.low");
        TensorId sum = replay_.insert(node, LinearAdd{.scale = scale}, {plain, low, b},
                                      replay_[plain].label.part);
        if (spec_.kind == AdapterKind::dora) {
            const TensorId magnitude =
                parameter(row, row.magnitude, {base.shape[0]}, b_split, base);
            const TensorId factor = replay_.insert(node, DoraNorm{.scale = scale},
                                                   {in[1], a, b, magnitude}, "dora.scale");
            std::vector<TensorId> scaled{sum, factor};
            if (late_bias) scaled.push_back(in[2]);
            sum = replay_.insert(node, ScaleColumns{}, scaled, replay_[plain].label.part);
        }
        replay_.map(replay_.old().outputs(node)[0], sum);
    }

    /// Apart from the sites of the model's own dropouts.
    [[nodiscard]] static std::int64_t site(const TargetRow& row) {
        constexpr std::int64_t kFirst = 64;
        return kFirst + (&row - kTargets.data());
    }

    Replay replay_;
    const AdapterSpec& spec_;
    const TrainSpec& train_;
    WeightQuantizer quantizer_;
};

}  // namespace

bool is_adapter_target(std::string_view weight) {
    return std::ranges::find(kTargets, weight, &TargetRow::weight) != kTargets.end();
}

void adapt(Lowering& lowering) {
    lowering.graph = Adapter(lowering).run();
    for (auto& tensor : lowering.graph.tensors) {
        if (tensor.parameter.is_parameter && !tensor.parameter.adapter) {
            tensor.parameter.trainable = false;
            tensor.needs_gradient = false;
        }
    }
}

}  // namespace headroom
