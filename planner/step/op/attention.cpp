#include "planner/step/op/attention.h"

#include <algorithm>
#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

double attended_pairs(const AttentionShape& shape, std::int64_t queries, std::int64_t keys) {
    const auto q = static_cast<double>(queries);
    const auto k = static_cast<double>(keys);
    const auto w = static_cast<double>(shape.window);
    const bool windowed = shape.window > 0 && shape.window < keys;
    if (!shape.causal) return windowed ? q * std::min(2.0 * w, k) : q * k;
    if (!windowed) return q * k / 2.0;
    // Of the keys' own length k: w a query, less the triangle at the start; q/k of those queries.
    return (k * w - w * w / 2.0) * q / k;
}

namespace {

/// Pairs of the queries at positions below `queries`.
double pairs_below(const AttentionShape& shape, double queries, double keys) {
    const auto w = static_cast<double>(shape.window);
    const bool windowed = shape.window > 0 && w < keys;
    double ends = queries * keys;
    if (shape.causal) {
        ends = queries * (queries + 1.0) / 2.0;
    } else if (windowed) {
        const double inside = std::min(queries, keys - w);  // of which no window reaches the end
        ends = inside * (inside - 1.0) / 2.0 + inside * w + (queries - inside) * keys;
    }
    const double past = windowed ? std::max(queries - w, 0.0) : 0.0;  // windows that begin later
    return ends - past * (past + 1.0) / 2.0;
}

}  // namespace

double computed_pairs(const AttentionShape& shape, std::int64_t queries, std::int64_t keys) {
    const auto q = static_cast<double>(queries);
    const auto k = static_cast<double>(keys);
    if (!shape.causal || queries == keys) return pairs_below(shape, q, k);
    const auto first = static_cast<double>(queries / 2);
    return pairs_below(shape, first, k) + pairs_below(shape, k, k) -
           pairs_below(shape, k - (q - first), k);
}

namespace {

struct Sizes {
    double pairs = 0.0;
    double computed = 0.0;
    double score_width = 0.0;  ///< heads * head_dim
    double value_width = 0.0;  ///< heads * value_dim
    std::int64_t heads = 0;
};

Sizes sizes(const AttentionShape& shape, const TensorSpec& q, const TensorSpec& k) {
    Sizes out;
    out.heads = q.shape[1] / shape.head_dim;
    out.pairs = static_cast<double>(shape.batch) *
                attended_pairs(shape, q.shape[0] / shape.batch, k.shape[0] / shape.batch);
    out.computed = static_cast<double>(shape.batch) *
                   computed_pairs(shape, q.shape[0] / shape.batch, k.shape[0] / shape.batch);
    out.score_width = static_cast<double>(q.shape[1]);
    out.value_width = static_cast<double>(out.heads * shape.value_dim);
    return out;
}

}  // namespace

Outputs Attention::outputs(const Specs& in) const {
    const std::int64_t heads = in[0].shape[1] / shape.head_dim;
    return {{.shape = {in[0].shape[0], heads * shape.value_dim}, .dtype = in[0].dtype},
            {.shape = {in[0].shape[0], heads}, .dtype = DType::f32, .part = "attn.lse"}};
}

Work Attention::work(const Specs& in, const Specs&) const {
    const Sizes s = sizes(shape, in[0], in[1]);
    const double width = 2.0 * (s.score_width + s.value_width);
    return {.model = Flops{s.pairs * width}, .matrix = Flops{s.computed * width}};
}

void Attention::backward(Tape& tape, const OpNode& node) const {
    AttentionGrad grad{.shape = shape, .relative_bias = relative_bias, .sinks = sinks};
    std::vector<TensorId> in{tape.in(node, 0),  tape.in(node, 1),
                             tape.in(node, 2),  tape.out(node, 0),
                             tape.out(node, 1), tape.gradient(tape.out(node, 0))};
    std::vector<TensorId> parameters;
    for (std::size_t i = 3; i < node.in_count; ++i) {
        const TensorId parameter = tape.in(node, i);
        in.push_back(parameter);
        if (!tape.trains(parameter)) continue;
        grad.accumulation = tape.accumulation(parameter);
        parameters.push_back(parameter);
    }
    const auto out = tape.emit_into(grad, in, tape.in(node, 0), parameters);
    for (std::size_t i = 0; i < 3; ++i) tape.give(tape.in(node, i), out[i]);
}

Outputs AttentionGrad::outputs(const Specs& in) const {
    Outputs out;
    for (std::size_t i = 0; i < 3; ++i) out.push({.shape = in[i].shape, .dtype = in[i].dtype});
    out.push(
        {.shape = in[4].shape, .dtype = DType::f32, .role = Role::workspace, .part = "attn.delta"});
    out.push({.shape = in[0].shape,
              .dtype = DType::f32,
              .role = Role::workspace,
              .part = "attn.dq_sums"});
    return out;
}

Work AttentionGrad::work(const Specs& in, const Specs&) const {
    const Sizes s = sizes(shape, in[0], in[1]);
    // The mathematics has four products (dv, dp, dq, dk); the kernel computes the scores again.
    return {.model = Flops{4.0 * s.pairs * (s.score_width + s.value_width)},
            .matrix = Flops{2.0 * s.computed * (3.0 * s.score_width + 2.0 * s.value_width)}};
}

}  // namespace headroom
