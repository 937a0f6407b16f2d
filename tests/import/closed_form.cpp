#include "tests/import/closed_form.h"

#include <algorithm>

namespace headroom::oracle {
namespace {

std::int64_t norm(const ModelSpec& m, std::int64_t width) {
    return m.norm_bias ? 2 * width : width;
}

std::int64_t latent_attention(const ModelSpec& m) {
    const auto& a = m.attention;
    const auto& l = *a.latent;
    const auto n = a.heads;
    const auto h = m.hidden;
    const auto query_out = n * (l.nope_dim + l.rope_dim);
    const auto query =
        l.q_rank > 0 ? h * l.q_rank + l.q_rank + l.q_rank * query_out : h * query_out;
    const auto down = h * (l.kv_rank + l.rope_dim) + l.kv_rank;
    const auto up = l.kv_rank * n * (l.nope_dim + l.v_dim);
    const auto bias = (a.qkv_bias ? l.q_rank + l.kv_rank + l.rope_dim : 0) + (a.out_bias ? h : 0);
    return query + down + up + n * l.v_dim * h + bias;
}

std::int64_t attention(const ModelSpec& m) {
    const auto& a = m.attention;
    if (a.latent) return latent_attention(m);
    const auto q = a.heads * a.head_dim;
    const auto kv = a.kv_heads * a.head_dim;
    auto total = 2 * m.hidden * q + 2 * m.hidden * kv;
    if (a.qkv_bias) total += q + 2 * kv;
    if (a.out_bias) total += m.hidden;
    if (a.qk_norm == QkNorm::per_head) total += 2 * a.head_dim;
    if (a.qk_norm == QkNorm::full) total += q + kv;
    if (a.sinks) total += a.heads;
    return total;
}

std::int64_t ffn(const ModelSpec& m, std::int64_t width, bool bias) {
    const std::int64_t ups = m.ffn.gated ? 2 : 1;
    const auto weights = (ups + 1) * m.hidden * width;
    return weights + (bias ? ups * width + m.hidden : 0);
}

std::int64_t sparse_ffn(const ModelSpec& m, std::int64_t experts) {
    const auto& moe = *m.moe;
    auto total = experts * ffn(m, moe.expert_width, moe.expert_bias) + m.hidden * moe.experts;
    if (moe.router_bias) total += moe.experts;
    if (moe.shared_width > 0) total += ffn(m, moe.shared_width, false);
    if (moe.shared_gate) total += m.hidden;
    return total;
}

std::int64_t norms_a_layer(const ModelSpec& m) {
    if (m.placement == NormPlacement::sandwich) return 4;
    return m.shared_input_norm ? 1 : 2;
}

std::int64_t feed_forwards(const ModelSpec& m, const std::vector<bool>& sparse, std::int64_t layers,
                           std::int64_t experts) {
    const auto many = static_cast<std::int64_t>(std::count(sparse.begin(), sparse.end(), true));
    auto total = (layers - many) * ffn(m, m.ffn.width, m.ffn.bias);
    if (m.moe) total += many * sparse_ffn(m, experts);
    return total;
}

std::int64_t embeddings(const ModelSpec& m) {
    const auto width = m.embedding_width > 0 ? m.embedding_width : m.hidden;
    auto total = m.vocab * width;
    if (m.embedding_width > 0) total += 2 * m.embedding_width * m.hidden;
    if (m.lm_head && !m.tied_embeddings) total += m.vocab * width;
    if (m.position == PositionKind::learned) total += m.position_rows * m.hidden;
    total += m.token_types * m.hidden;
    if (m.embedding_norm) total += norm(m, m.hidden);
    if (m.final_norm) total += norm(m, m.hidden);
    if (m.pooler) total += m.hidden * m.hidden + m.hidden;
    return total;
}

/// T5: a cross-attention and its norm a decoder layer, one bias table and final norm a stack.
std::int64_t second_stack(const ModelSpec& m, std::int64_t experts) {
    if (m.stack != Stack::encoder_decoder) return 0;
    const auto cross = m.layers * (attention(m) + norm(m, m.hidden));
    const auto encoder = m.encoder_layers * (attention(m) + 2 * norm(m, m.hidden)) +
                         feed_forwards(m, m.encoder_moe_layers, m.encoder_layers, experts);
    return cross + encoder + norm(m, m.hidden) + 2 * m.relative_buckets * m.attention.heads;
}

std::int64_t count(const ModelSpec& m, std::int64_t experts) {
    auto total = m.layers * (attention(m) + norms_a_layer(m) * norm(m, m.hidden)) +
                 feed_forwards(m, m.moe_layers, m.layers, experts) + embeddings(m) +
                 second_stack(m, experts);
    for (const auto& part : m.extra) total += part.count;
    return total;
}

}  // namespace

std::int64_t closed_form_parameters(const ModelSpec& spec) {
    return count(spec, spec.moe ? spec.moe->experts : 0);
}

std::int64_t closed_form_active_parameters(const ModelSpec& spec) {
    return count(spec, spec.moe ? spec.moe->top_k : 0);
}

}  // namespace headroom::oracle
