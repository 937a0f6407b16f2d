#include <algorithm>

#include "planner/lower/forward_builder.h"

namespace headroom {
namespace {

using Names = ForwardBuilder::Names;

struct Heads {
    TensorId q{};
    TensorId k{};
    TensorId v{};
};

constexpr Names kQ{"attn.q_proj", "attn.q_proj.weight", "attn.q_proj.bias"};
constexpr Names kK{"attn.k_proj", "attn.k_proj.weight", "attn.k_proj.bias"};
constexpr Names kV{"attn.v_proj", "attn.v_proj.weight", "attn.v_proj.bias"};
constexpr Names kQkv{"attn.qkv_proj", "attn.qkv_proj.weight", "attn.qkv_proj.bias"};
constexpr Names kOut{"attn.o_proj", "attn.o_proj.weight", "attn.o_proj.bias"};
constexpr Names kQDown{"attn.q_a_proj", "attn.q_a_proj.weight", ""};
constexpr Names kQUp{"attn.q_b_proj", "attn.q_b_proj.weight", ""};
constexpr Names kKvDown{"attn.kv_a_proj", "attn.kv_a_proj.weight", ""};
constexpr Names kKvUp{"attn.kv_b_proj", "attn.kv_b_proj.weight", ""};
constexpr Names kCrossQ{"cross.q_proj", "cross.q_proj.weight", ""};
constexpr Names kCrossK{"cross.k_proj", "cross.k_proj.weight", ""};
constexpr Names kCrossV{"cross.v_proj", "cross.v_proj.weight", ""};
constexpr Names kCrossOut{"cross.o_proj", "cross.o_proj.weight", ""};

Heads separate_heads(ForwardBuilder& build, TensorId x, TensorId memory) {
    const auto& spec = build.model().attention;
    const bool cross = memory.valid();
    const TensorId source = cross ? memory : x;
    const std::int64_t width = spec.heads * spec.head_dim;
    const std::int64_t kv = spec.kv_heads * spec.head_dim;
    const ParameterKind kv_kind{.kv_heads = spec.kv_heads, .kv_rows = kv};
    Heads heads;
    heads.q = build.linear(x, cross ? kCrossQ : kQ, width, LinearStyle::column, spec.qkv_bias);
    heads.k =
        build.linear(source, cross ? kCrossK : kK, kv, LinearStyle::column, spec.qkv_bias, kv_kind);
    heads.v =
        build.linear(source, cross ? kCrossV : kV, kv, LinearStyle::column, spec.qkv_bias, kv_kind);
    return heads;
}

Heads fused_heads(ForwardBuilder& build, TensorId x) {
    const auto& spec = build.model().attention;
    const std::int64_t width = spec.heads * spec.head_dim;
    const std::int64_t kv = spec.kv_heads * spec.head_dim;
    const ParameterKind kind{.kv_heads = spec.kv_heads, .kv_rows = 2 * kv};
    const TensorId packed =
        build.linear(x, kQkv, width + 2 * kv, LinearStyle::column, spec.qkv_bias, kind);
    const auto parts = build.emit(SplitColumns{.a = width, .b = kv, .c = kv}, {packed}, "attn.qkv");
    return {parts[0], parts[1], parts[2]};
}

/// Whether the layer in work attends to a window only.
bool is_windowed(const ForwardBuilder& build) {
    const auto& model = build.model();
    const auto layer = static_cast<std::size_t>(std::max(build.layer(), 0));
    return model.attention.window > 0 &&
           (model.windowed.empty() || (layer < model.windowed.size() && model.windowed[layer]));
}

Rope rope_op(const ForwardBuilder& build, std::int64_t head_dim, std::int64_t rotary) {
    const auto& model = build.model();
    Rope rope{.head_dim = head_dim,
              .rotary = rotary,
              .theta = model.rope_theta,
              .interleaved = model.rope_interleaved,
              .sequence = build.sequence()};
    if (model.rope_local_theta > 0.0 && is_windowed(build)) {
        rope.theta = model.rope_local_theta;
        return rope;
    }
    const RopeScaling& scaling = model.rope_scaling;
    rope.scaling = scaling.kind;
    rope.factor = scaling.factor;
    rope.low = scaling.low;
    rope.high = scaling.high;
    rope.attention = scaling.attention;
    rope.original = scaling.original;
    rope.truncate = scaling.truncate;
    return rope;
}

void normalise_heads(ForwardBuilder& build, Heads& heads) {
    const auto& spec = build.model().attention;
    if (spec.qk_norm == QkNorm::none) return;
    const bool per_head = spec.qk_norm == QkNorm::per_head;
    const Split split = per_head ? Split::none : Split::rows;
    heads.q = build.norm(heads.q, "attn.q_norm.weight", per_head ? spec.head_dim : 0, split);
    heads.k = build.norm(heads.k, "attn.k_norm.weight", per_head ? spec.head_dim : 0, split);
}

void rotate_heads(ForwardBuilder& build, Heads& heads) {
    const auto& spec = build.model().attention;
    if (build.model().position != PositionKind::rope) return;
    const auto rotary =
        static_cast<std::int64_t>(spec.rotary_fraction * static_cast<double>(spec.head_dim));
    const Rope rope = rope_op(build, spec.head_dim, rotary);
    const auto out = build.emit(rope, {heads.q, heads.k}, "attn.rope");
    heads.q = out[0];
    heads.k = out[1];
}

Heads latent_heads(ForwardBuilder& build, TensorId x) {
    const auto& spec = build.model().attention;
    const auto& latent = *spec.latent;
    const std::int64_t score = latent.nope_dim + latent.rope_dim;
    TensorId query = x;
    if (latent.q_rank > 0) {
        query = build.linear(x, kQDown, latent.q_rank, LinearStyle::replicated, false);
        query = build.norm(query, "attn.q_a_norm.weight");
    }
    Heads heads;
    heads.q = build.linear(query, latent.q_rank > 0 ? kQUp : kQ, spec.heads * score,
                           LinearStyle::column, false);
    const TensorId down =
        build.linear(x, kKvDown, latent.kv_rank + latent.rope_dim, LinearStyle::replicated, false);
    const auto parts =
        build.emit(SplitColumns{.a = latent.kv_rank, .b = latent.rope_dim}, {down}, "attn.kv_a");
    const TensorId compressed = build.norm(parts[0], "attn.kv_a_norm.weight");
    const TensorId up =
        build.linear(compressed, kKvUp, spec.heads * (latent.nope_dim + latent.v_dim),
                     LinearStyle::column, false);
    Rope rope = rope_op(build, score, latent.rope_dim);
    rope.tail = true;
    heads.q = build.one(rope, {heads.q}, "attn.q_rope");
    rope.head_dim = latent.rope_dim;
    rope.tail = false;
    const TensorId shared = build.one(rope, {parts[1]}, "attn.k_rope");
    const auto kv = build.emit(LatentKv{.nope = latent.nope_dim, .v_dim = latent.v_dim},
                               {up, shared}, "attn.kv");
    heads.k = kv[0];
    heads.v = kv[1];
    return heads;
}

AttentionShape attention_shape(const ForwardBuilder& build, bool causal, bool cross) {
    const auto& spec = build.model().attention;
    const auto& model = build.model();
    const bool windowed = !cross && is_windowed(build);
    AttentionShape shape{.batch = build.train().micro_batch,
                         .head_dim = spec.head_dim,
                         .value_dim = spec.head_dim,
                         .causal = causal && !cross,
                         .window = windowed ? spec.window : 0,
                         .softcap = spec.softcap,
                         .alibi = model.position == PositionKind::alibi,
                         .scale = spec.scale};
    if (spec.latent) {
        shape.head_dim = spec.latent->nope_dim + spec.latent->rope_dim;
        shape.value_dim = spec.latent->v_dim;
    }
    return shape;
}

TensorId attend(ForwardBuilder& build, const Heads& heads, const AttentionShape& shape,
                TensorId relative_bias) {
    std::vector<TensorId> in{heads.q, heads.k, heads.v};
    TensorId sinks{};
    if (build.model().attention.sinks) {
        sinks =
            build.parameter("attn.sinks", {build.model().attention.heads}, {.split = Split::rows});
    }
    if (build.train().attention == AttentionImpl::flash) {
        if (relative_bias.valid()) in.push_back(relative_bias);
        if (sinks.valid()) in.push_back(sinks);
        return build.emit(
            Attention{
                .shape = shape, .relative_bias = relative_bias.valid(), .sinks = sinks.valid()},
            in, "attn.context")[0];
    }
    std::vector<TensorId> scored{heads.q, heads.k};
    if (relative_bias.valid()) scored.push_back(relative_bias);
    std::vector<TensorId> rows{build.emit(Scores{.shape = shape}, scored, "attn.scores")[0]};
    if (sinks.valid()) rows.push_back(sinks);
    TensorId probabilities = build.emit(Softmax{}, rows, "attn.probabilities")[0];
    probabilities = build.dropout(probabilities, false);
    return build.one(Context{.shape = shape}, {probabilities, heads.v}, "attn.context");
}

}  // namespace

TensorId attention_block(ForwardBuilder& build, TensorId x, TensorId memory, bool causal,
                         TensorId relative_bias) {
    const auto& spec = build.model().attention;
    const bool cross = memory.valid();
    Heads heads;
    if (spec.latent) {
        heads = latent_heads(build, x);
    } else {
        heads = spec.fused_qkv && !cross ? fused_heads(build, x) : separate_heads(build, x, memory);
        normalise_heads(build, heads);
        rotate_heads(build, heads);
    }
    const TensorId context =
        attend(build, heads, attention_shape(build, causal, cross), relative_bias);
    return build.linear(context, cross ? kCrossOut : kOut, build.model().hidden, LinearStyle::row,
                        spec.out_bias);
}

}  // namespace headroom
