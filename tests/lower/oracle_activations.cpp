#include "tests/lower/oracle.h"

// Bytes that one layer keeps for its backward pass, against the leaf tensors that SimuMax lists for
// Megatron-LM. Ours differ by two terms, small and the same in every form: the log-sum-exp of flash
// attention is f32 here as in its kernel (4 bytes a head and token, the formulas count 2), and each
// norm keeps an f32 scale a token (4 bytes, not counted there).

using namespace headroom;
using namespace headroom::test;

namespace {

constexpr double kTolerance = 0.005;

void check_close(Bytes ours, std::int64_t published) {
    CHECK(ours.real() == Approx(static_cast<double>(published)).epsilon(kTolerance));
}

struct Row {
    const char* id;
    std::int64_t tensor;
};

PlanRequest dense(const Row& row, bool sequence_parallel) {
    PlanRequest request = cut(row.id, 2);
    request.layout.tensor = row.tensor;
    request.layout.sequence_parallel = sequence_parallel;
    return request;
}

/// What tensor parallelism splits of a dense layer: q and the context, k and v, the log-sum-exp,
/// gate and up and their product.
std::int64_t split_part(const Letters& l) { return 2 * (2 * l.hq + 2 * l.hk + l.a) + 6 * l.f; }

/// DeepSeek: inputs of the norm and of the two down projections; both latents before and after
/// their norms; q and k; v and the context; the log-sum-exp.
std::int64_t latent_part(const ModelSpec& model) {
    const auto& l = *model.attention.latent;
    const std::int64_t a = model.attention.heads;
    return 2 * (2 * model.hidden + 2 * l.q_rank + 2 * l.kv_rank +
                2 * a * (l.nope_dim + l.rope_dim) + 2 * a * l.v_dim + a);
}

/// Ours beside it: the shared rotary key lies in the same storage as the latent it was projected
/// with (2 d_r); f32 log-sum-exp; three norm scales.
std::int64_t latent_part_kept(const ModelSpec& model) {
    const auto& l = *model.attention.latent;
    const std::int64_t norms = l.q_rank > 0 ? 3 : 2;
    return latent_part(model) + 2 * l.rope_dim + 2 * model.attention.heads + 4 * norms;
}

/// A Mixture-of-Experts block: norm input; router input; logits and probabilities in f32; rows of
/// the experts' inputs; gate and up and their product; the shared expert with an input of its own.
std::int64_t moe_part(const ModelSpec& model) {
    const auto& m = *model.moe;
    const std::int64_t h = model.hidden;
    const std::int64_t shared = m.shared_width > 0 ? 2 * h + 6 * m.shared_width : 0;
    return 2 * h + 2 * h + 8 * m.experts + 2 * m.top_k * h + 4 * m.top_k * m.expert_width +
           2 * m.top_k * m.expert_width + shared;
}

/// Ours: router and shared expert read one tensor, the norm's output (2h fewer when there is a
/// shared expert); the softmax needs its probabilities only (4E fewer); what top-k chose stays (an
/// f32 weight and an index for each of k, an f32 log-sum-exp), and so does each row's weight and
/// origin (8k); one norm scale.
std::int64_t moe_part_kept(const ModelSpec& model) {
    const auto& m = *model.moe;
    const std::int64_t same_input = m.shared_width > 0 ? 2 * model.hidden : 0;
    return moe_part(model) - same_input - 4 * m.experts + (8 * m.top_k + 4) + 8 * m.top_k + 4;
}

/// Rows an expert: 4 bytes an expert of the layer, rounded to the alignment of storages.
std::int64_t expert_counts(const ModelSpec& model) {
    return round_up(4 * model.moe->experts, kAlignment);
}

}  // namespace

TEST_CASE("DenseLayerKeepsThePublishedActivationBytes") {
    for (const Row& row : {Row{"meta-llama/Llama-3.1-70B", 1}, Row{"meta-llama/Llama-3.1-70B", 4},
                           Row{"meta-llama/Llama-3.1-8B", 1}, Row{"meta-llama/Llama-3.1-8B", 4},
                           Row{"Qwen/Qwen2.5-72B", 8}, Row{"meta-llama/Llama-2-7b-hf", 2}}) {
        INFO(row.id << " tensor " << row.tensor);
        const PlanRequest request = dense(row, row.tensor > 1);
        const Letters l = letters(request);
        const Bytes ours = kept_by_next_layer(request);
        check_close(ours, l.sb * (2 * 4 * l.h + split_part(l)) / l.t);
        CHECK(ours.count() == l.sb * (2 * 4 * l.h + split_part(l) + 2 * l.a + 2 * 4) / l.t);
    }
}

TEST_CASE("Llama70BKeepsThirtyThreeAndAHalfBytesATokenAndWidth") {
    const PlanRequest request = dense({"meta-llama/Llama-3.1-70B", 1}, false);
    const Letters l = letters(request);
    check_close(kept_by_next_layer(request), l.sb * l.h * 67 / 2);
}

TEST_CASE("WithoutSequenceParallelismTheStreamIsWholeOnEveryTensorRank") {
    for (const std::int64_t tensor : {2, 4, 8}) {
        const PlanRequest request = dense({"meta-llama/Llama-3.1-70B", tensor}, false);
        const Letters l = letters(request);
        const Bytes ours = kept_by_next_layer(request);
        check_close(ours, l.sb * (2 * 4 * l.h + split_part(l) / l.t));
        CHECK(ours.count() == l.sb * (2 * 4 * l.h + 2 * 4 + (split_part(l) + 2 * l.a) / l.t));
    }
}

TEST_CASE("GatheredKeysAndValuesOfAContextGroupAreKept") {
    PlanRequest request = dense({"meta-llama/Llama-3.1-8B", 1}, false);
    request.layout.context = 4;
    const Letters l = letters(request);
    // Keys and values of all four ranks instead of this rank's own.
    const std::int64_t others = 3 * 2 * 2 * l.hk;
    CHECK(kept_by_next_layer(request).count() ==
          l.sb * (2 * 4 * l.h + split_part(l) + 2 * l.a + 2 * 4 + others));
}

TEST_CASE("LatentAttentionKeepsThePublishedActivationBytes") {
    PlanRequest request = cut("deepseek-ai/DeepSeek-V3", 1);
    const auto& model = request.model;
    // A dense layer: norm and gate-up inputs, gate and up and their product, a norm scale.
    const std::int64_t ffn = 2 * 2 * model.hidden + 6 * model.ffn.width;
    const std::int64_t sb = letters(request).sb;
    check_close(kept_by_next_layer(request), sb * (latent_part(model) + ffn));
    CHECK(kept_by_next_layer(request).count() == sb * (latent_part_kept(model) + ffn + 4));
}

TEST_CASE("LatentAttentionWithoutAQueryLatentKeepsLess") {
    PlanRequest request = cut("deepseek-ai/DeepSeek-V3", 1);
    request.model.attention.latent->q_rank = 0;
    const auto& model = request.model;
    const std::int64_t ffn = 2 * 2 * model.hidden + 6 * model.ffn.width;
    CHECK(kept_by_next_layer(request).count() ==
          letters(request).sb * (latent_part_kept(model) + ffn + 4));
}

TEST_CASE("MoeLayerKeepsThePublishedActivationBytesWithoutWhatItShares") {
    for (const char* id : {"deepseek-ai/DeepSeek-V3", "deepseek-ai/DeepSeek-V2"}) {
        INFO(id);
        const PlanRequest request = cut(id, 4);
        const auto& model = request.model;
        const std::int64_t sb = letters(request).sb;
        const Bytes ours = kept_by_next_layer(request);
        check_close(ours, sb * (latent_part(model) + moe_part(model) - 2 * model.hidden -
                                4 * model.moe->experts));
        CHECK(ours.count() ==
              sb * (latent_part_kept(model) + moe_part_kept(model)) + expert_counts(model));
    }
}

TEST_CASE("MoeLayerWithoutASharedExpertKeepsThePublishedActivationBytes") {
    const PlanRequest request = cut("mistralai/Mixtral-8x7B-v0.1", 2);
    const auto& model = request.model;
    const Letters l = letters(request);
    const std::int64_t attention = 2 * (2 * l.h + 2 * l.hq + 2 * l.hk + l.a);
    const Bytes ours = kept_by_next_layer(request);
    check_close(ours, l.sb * (attention + moe_part(model)));
    CHECK(ours.count() ==
          l.sb * (attention + 2 * l.a + 4 + moe_part_kept(model)) + expert_counts(model));
}

TEST_CASE("ExpertParallelismMovesRowsAndKeepsAsManyWhenBalanced") {
    PlanRequest request = cut("mistralai/Mixtral-8x7B-v0.1", 2);
    const Bytes alone = kept_by_next_layer(request);
    request.layout.data = request.layout.expert = 8;
    // The weights and origins of the rows as they were sent (8k a token) stay beside those
    // received.
    CHECK(kept_by_next_layer(request) <= alone + Bytes{letters(request).sb * 8 * 2});
    CHECK(kept_by_next_layer(request) >= alone);
}
