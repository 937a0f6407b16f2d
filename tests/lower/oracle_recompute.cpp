#include "tests/lower/oracle.h"

// Korthikanti et al. 2022, "Reducing Activation Recomputation in Large Transformer Models": bytes a
// layer of a GPT keeps, with eager attention and dropout, and what recomputation leaves of them.

using namespace headroom;
using namespace headroom::test;

namespace {

/// A GPT-3 shape: as many key/value heads as heads, GELU of width 4h, LayerNorm, dropout.
PlanRequest gpt(std::int64_t tensor = 1, bool sequence_parallel = false) {
    ModelSpec model{.name = "gpt", .family = "gpt2", .layers = 2, .hidden = 4096, .vocab = 51200};
    model.attention = {.heads = 32, .kv_heads = 32, .head_dim = 128, .fused_qkv = true};
    model.ffn = {.width = 4 * 4096, .activation = ActivationKind::gelu};
    model.norm = NormKind::layer;
    model.norm_bias = true;
    model.position = PositionKind::learned;
    model.position_rows = 2048;
    PlanRequest request = request_for(model, 2048);
    request.train.attention = AttentionImpl::eager;
    request.train.dropout = 0.1;
    request.layout.tensor = tensor;
    request.layout.sequence_parallel = sequence_parallel;
    return request;
}

/// LayerNorms keep an f32 mean and scale a token each: 16 bytes that the paper leaves out.
constexpr std::int64_t kNormStatistics = 2 * (4 + 4);

struct Split {
    std::int64_t tensor;
    bool sequence_parallel;
};
const std::vector<Split>& splits() {
    static const std::vector<Split> kSplits{{1, false}, {2, true}, {8, true}};
    return kSplits;
}

}  // namespace

TEST_CASE("EagerGptLayerKeepsThirtyFourBytesATokenAndTheSquareOfScores") {
    const PlanRequest request = gpt();
    const Letters l = letters(request);
    // Attention 11 sbh: its input 2, q and k 4, v 2, the projection's input 2, a dropout mask of
    // one byte 1. Scores 5 a s^2 b: probabilities 2, their mask 1, what dropout leaves of them 2.
    const std::int64_t attention = l.sb * (11 * l.h + 5 * l.a * l.s);
    // Feed-forward 19 sbh: its input 2, GELU's input 8 and output 8, a mask 1. Norm inputs 4.
    const std::int64_t rest = l.sb * (19 * l.h + 4 * l.h);
    CHECK(attention + rest == l.sb * (34 * l.h + 5 * l.a * l.s));
    CHECK(kept_by_next_layer(request).count() == attention + rest + l.sb * kNormStatistics);
}

TEST_CASE("TensorParallelismDividesTwentyFourOfThirtyFourBytesAndTheScores") {
    for (const std::int64_t t : {2, 4, 8}) {
        const PlanRequest request = gpt(t);
        const Letters l = letters(request);
        CHECK(kept_by_next_layer(request).count() ==
              l.sb * (10 * l.h + 24 * l.h / t + 5 * l.a * l.s / t + kNormStatistics));
    }
}

TEST_CASE("SequenceParallelismDividesAllOfThem") {
    for (const std::int64_t t : {2, 4, 8}) {
        const PlanRequest request = gpt(t, true);
        const Letters l = letters(request);
        CHECK(kept_by_next_layer(request).count() ==
              l.sb * (34 * l.h + 5 * l.a * l.s + kNormStatistics) / t);
    }
}

TEST_CASE("SelectiveRecomputationOfAttentionDropsTheScores") {
    for (const auto& split : splits()) {
        PlanRequest request = gpt(split.tensor, split.sequence_parallel);
        request.recompute = {RecomputeMode::selective, 1, {false, false, true}};
        const Letters l = letters(request);
        // The paper keeps the attention's output, 2 of its 34: here it comes with the scores.
        CHECK(kept_by_next_layer(request).count() ==
              l.sb * (34 * l.h - 2 * l.h + kNormStatistics) / l.t);
    }
}

TEST_CASE("FullRecomputationKeepsALayersInput") {
    for (const auto& split : splits()) {
        PlanRequest request = gpt(split.tensor, split.sequence_parallel);
        request.recompute.mode = RecomputeMode::layer;
        const Letters l = letters(request);
        CHECK(kept_by_next_layer(request).count() == 2 * l.sb * l.h / l.t);
    }
    PlanRequest whole = gpt(4, false);
    whole.recompute.mode = RecomputeMode::layer;
    CHECK(kept_by_next_layer(whole).count() == 2 * letters(whole).sb * letters(whole).h);
}

TEST_CASE("FullRecomputationKeepsALayersInputInEveryFamily") {
    for (const char* id : {"meta-llama/Llama-3.1-70B", "mistralai/Mixtral-8x7B-v0.1",
                           "deepseek-ai/DeepSeek-V3", "google/gemma-2-9b", "tiiuae/falcon-7b",
                           "allenai/OLMo-2-1124-7B", "google-bert/bert-large-uncased"}) {
        INFO(id);
        PlanRequest request = cut(id, 4, 512);
        request.recompute.mode = RecomputeMode::layer;
        const Letters l = letters(request);
        CHECK(kept_by_next_layer(request).count() == 2 * l.sb * l.h);
    }
}

TEST_CASE("SegmentsOfKLayersKeepOneInputInK") {
    PlanRequest request = cut("meta-llama/Llama-3.1-8B", 8);
    const Letters l = letters(request);
    for (const std::int64_t every : {2, 4}) {
        request.recompute = {RecomputeMode::every, every, {}};
        Bytes sum{};
        for (request.model.layers = 8; request.model.layers < 16; ++request.model.layers) {
            sum += kept_by_next_layer(request);
        }
        CHECK(sum.count() == 8 / every * 2 * l.sb * l.h);
    }
}
