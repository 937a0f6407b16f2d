#include <cmath>

#include "planner/lower/forward_builder.h"

namespace headroom {
namespace {

using Names = ForwardBuilder::Names;

/// The names of one feed-forward block's layers.
struct FfnNames {
    Names gate;
    Names up;
    Names gate_up;
    Names down;
};
constexpr FfnNames kDense{{"mlp.gate_proj", "mlp.gate_proj.weight", "mlp.gate_proj.bias"},
                          {"mlp.up_proj", "mlp.up_proj.weight", "mlp.up_proj.bias"},
                          {"mlp.gate_up_proj", "mlp.gate_up_proj.weight", "mlp.gate_up_proj.bias"},
                          {"mlp.down_proj", "mlp.down_proj.weight", "mlp.down_proj.bias"}};
constexpr FfnNames kShared{{"shared.gate_proj", "shared.gate_proj.weight", ""},
                           {"shared.up_proj", "shared.up_proj.weight", ""},
                           {"shared.gate_up_proj", "shared.gate_up_proj.weight", ""},
                           {"shared.down_proj", "shared.down_proj.weight", ""}};

TensorId dense_ffn(ForwardBuilder& build, TensorId x, const FfnNames& names, const FfnSpec& spec) {
    Activate activate{.kind = spec.activation, .gated = spec.gated};
    TensorId inner{};
    if (!spec.gated) {
        const TensorId up = build.linear(x, names.up, spec.width, LinearStyle::column, spec.bias);
        inner = build.one(activate, {up}, "mlp.act");
    } else if (spec.fused_gate_up) {
        activate.packed = true;
        const TensorId packed =
            build.linear(x, names.gate_up, 2 * spec.width, LinearStyle::column, spec.bias);
        inner = build.one(activate, {packed}, "mlp.act");
    } else {
        const TensorId gate =
            build.linear(x, names.gate, spec.width, LinearStyle::column, spec.bias);
        const TensorId up = build.linear(x, names.up, spec.width, LinearStyle::column, spec.bias);
        inner = build.one(activate, {gate, up}, "mlp.act");
    }
    return build.linear(inner, names.down, build.model().hidden, LinearStyle::row, spec.bias);
}

/// Router -> (weights, experts), with its losses.
std::vector<TensorId> route(ForwardBuilder& build, TensorId x) {
    const auto& moe = *build.model().moe;
    const auto& train = build.train();
    std::vector<TensorId> in{
        x, build.parameter("moe.router.weight", {moe.experts, build.model().hidden})};
    if (moe.router_bias) in.push_back(build.parameter("moe.router.bias", {moe.experts}));
    const TensorId logits = build.emit(Linear{.f32_out = true}, in, "moe.router")[0];
    const TopK top{.k = moe.top_k,
                   .score = moe.score,
                   .normalize = moe.normalize,
                   .scale = moe.scale,
                   .aux = train.aux_loss >= 0.0 ? train.aux_loss : moe.aux_loss,
                   .z = train.z_loss};
    const auto out = build.emit(top, {logits}, "moe.top_k");
    return {out[1], out[2]};
}

TensorId grouped(ForwardBuilder& build, TensorId x, TensorId counts, Names names, std::int64_t out,
                 bool column) {
    const auto& moe = *build.model().moe;
    const ParameterKind kind{.split = column ? Split::rows : Split::columns,
                             .unit = UnitKind::expert};
    std::vector<TensorId> in{
        x, build.parameter(names.weight, {moe.experts, out, build.graph()[x].shape[1]}, kind),
        counts};
    if (moe.expert_bias) {
        const ParameterKind bias{.split = column ? Split::rows : Split::none,
                                 .unit = UnitKind::expert};
        in.push_back(build.parameter(names.bias, {moe.experts, out}, bias));
    }
    return build.emit(GroupedLinear{.column = column}, in, names.module)[0];
}

/// Slots an expert has, 0 when nothing is dropped.
std::int64_t slots(const ForwardBuilder& build) {
    const auto& moe = *build.model().moe;
    const double factor =
        build.train().capacity_factor > 0.0 ? build.train().capacity_factor : moe.capacity_factor;
    if (factor <= 0.0) return 0;
    const double mean =
        static_cast<double>(build.tokens() * moe.top_k) / static_cast<double>(moe.experts);
    return static_cast<std::int64_t>(std::ceil(factor * mean));
}

TensorId routed_experts(ForwardBuilder& build, TensorId x) {
    const auto& moe = *build.model().moe;
    const auto& ffn = build.model().ffn;
    const auto choice = route(build, x);
    const auto rows = build.emit(Permute{.experts = moe.experts, .slots = slots(build)},
                                 {x, choice[1], choice[0]}, "moe.permute");
    constexpr Names kUp{"moe.experts.up", "moe.experts.up.weight", "moe.experts.up.bias"};
    constexpr Names kDown{"moe.experts.down", "moe.experts.down.weight", "moe.experts.down.bias"};
    const std::int64_t inner = ffn.gated ? 2 * moe.expert_width : moe.expert_width;
    const TensorId up = grouped(build, rows[0], rows[3], kUp, inner, true);
    const Activate activate{
        .kind = ffn.activation, .gated = ffn.gated, .packed = ffn.gated, .routed = true};
    const TensorId act = build.one(activate, {up, rows[1]}, "moe.act");
    const TensorId down = grouped(build, act, rows[3], kDown, build.model().hidden, false);
    return build.one(Unpermute{.tokens = build.graph()[x].shape[0]}, {down, rows[2]},
                     "moe.combine");
}

}  // namespace

TensorId ffn_block(ForwardBuilder& build, TensorId x) {
    return dense_ffn(build, x, kDense, build.model().ffn);
}

TensorId moe_block(ForwardBuilder& build, TensorId x) {
    const auto& moe = *build.model().moe;
    TensorId routed = routed_experts(build, x);
    if (moe.shared_width == 0) return routed;
    FfnSpec spec = build.model().ffn;
    spec.width = moe.shared_width;
    TensorId shared = dense_ffn(build, x, kShared, spec);
    if (moe.shared_gate) {
        constexpr Names kGate{"shared.gate", "shared.gate.weight", ""};
        const TensorId gate = build.linear(x, kGate, 1, LinearStyle::replicated, false);
        shared = build.one(GateRows{}, {shared, gate}, "shared.gated");
    }
    return build.one(Add{}, {routed, shared}, "moe.sum");
}

}  // namespace headroom
