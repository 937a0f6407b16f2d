#include <random>

#include "tests/lower/oracle.h"

// Model FLOPs a token as Megatron-LM counts them, forward and backward: six for each multiply-add
// of a matrix that a token meets, and half of the score square under a causal mask.

using namespace headroom;
using namespace headroom::test;

namespace {

/// Multiply-adds a token of the attention's matrices.
std::int64_t attention_matrices(const ModelSpec& m) {
    const auto& a = m.attention;
    const std::int64_t h = m.hidden;
    if (!a.latent) {
        const std::int64_t hq = a.heads * a.head_dim;
        return h * (hq + 2 * a.kv_heads * a.head_dim) + hq * h;
    }
    // Megatron-LM adds one a latent column for the norms: no matrix product, not counted here.
    const auto& l = *a.latent;
    const std::int64_t out = a.heads * (l.nope_dim + l.rope_dim);
    const std::int64_t q = l.q_rank > 0 ? l.q_rank * (h + out) : h * out;
    const std::int64_t kv = l.kv_rank * (h + a.heads * (l.nope_dim + l.v_dim)) + h * l.rope_dim;
    return q + kv + a.heads * l.v_dim * h;
}

/// Scores and context, two products: widths of a head's key and value, s / 2 pairs a token.
std::int64_t core(const ModelSpec& m, std::int64_t s) {
    const auto& a = m.attention;
    std::int64_t widths = 2 * a.head_dim;
    if (a.latent) widths = a.latent->nope_dim + a.latent->rope_dim + a.latent->v_dim;
    const std::int64_t causal = 3 * a.heads * widths * s;
    return m.stack == Stack::encoder ? 2 * causal : causal;
}

std::int64_t feed_forward(const ModelSpec& m, bool moe) {
    const std::int64_t matrices = m.ffn.gated ? 3 : 2;
    if (!moe) return matrices * m.hidden * m.ffn.width;
    const auto& x = *m.moe;
    const std::int64_t experts = matrices * m.hidden * (x.top_k * x.expert_width + x.shared_width);
    return experts + m.hidden * x.experts + (x.shared_gate ? m.hidden : 0);
}

std::int64_t model_flops(const PlanRequest& request) {
    const auto& m = request.model;
    const Letters l = letters(request);
    std::int64_t token = 6 * m.hidden * m.vocab;
    for (std::int64_t i = 0; i < m.layers; ++i) {
        token += 6 * (attention_matrices(m) + feed_forward(m, m.is_moe_layer(i))) + core(m, l.s);
    }
    return l.sb * token;
}

ModelSpec random_model(std::mt19937& random) {
    const auto pick = [&](std::int64_t low, std::int64_t high) {
        return std::uniform_int_distribution<std::int64_t>(low, high)(random);
    };
    ModelSpec m{.name = "random",
                .family = "llama",
                .layers = pick(1, 6),
                .hidden = 64 * pick(1, 30),
                .vocab = pick(100, 5000)};
    const std::int64_t groups = pick(1, 4);
    m.attention = {.heads = groups * pick(1, 8), .kv_heads = groups, .head_dim = 16 * pick(1, 8)};
    m.attention.fused_qkv = pick(0, 1) == 1;
    m.ffn = {.width = 32 * pick(1, 60), .gated = pick(0, 1) == 1};
    if (pick(0, 2) == 0) {
        m.attention.latent = LatentAttention{.q_rank = 16 * pick(0, 4),
                                             .kv_rank = 16 * pick(1, 4),
                                             .nope_dim = 16,
                                             .rope_dim = 8,
                                             .v_dim = 24};
    }
    if (pick(0, 1) == 0) return m;
    m.moe = MoeSpec{.experts = pick(2, 9),
                    .top_k = pick(1, 2),
                    .expert_width = 32 * pick(1, 9),
                    .shared_width = 32 * pick(0, 4),
                    .shared_gate = pick(0, 1) == 1};
    if (m.moe->shared_width == 0) m.moe->shared_gate = false;
    for (std::int64_t i = 0; i < m.layers; ++i) m.moe_layers.push_back(pick(0, 2) > 0);
    return m;
}

}  // namespace

TEST_CASE("ModelFlopsEqualTheClosedForm") {
    for (const char* id :
         {"meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-405B", "meta-llama/Llama-2-7b-hf",
          "Qwen/Qwen3-8B", "openai-community/gpt2-xl", "microsoft/Phi-3-mini-4k-instruct",
          "mistralai/Mixtral-8x7B-v0.1", "Qwen/Qwen1.5-MoE-A2.7B", "Qwen/Qwen3-30B-A3B",
          "tiiuae/falcon-40b", "deepseek-ai/DeepSeek-V2", "deepseek-ai/DeepSeek-V3",
          "google-bert/bert-base-uncased"}) {
        INFO(id);
        const PlanRequest request = request_for(preset(id), 512);
        CHECK(flops(request) == static_cast<double>(model_flops(request)));
    }
}

TEST_CASE("ModelFlopsOfRandomShapesEqualTheClosedFormWhateverTheKernels") {
    std::mt19937 random(11);
    for (int i = 0; i < 300; ++i) {
        PlanRequest request = request_for(random_model(random), 64);
        request.train.micro_batch = 1 + i % 3;
        request.train.loss = static_cast<LossKind>(i % 3);
        request.train.attention = static_cast<AttentionImpl>(i % 2);
        request.recompute.mode = static_cast<RecomputeMode>(i % 6);
        INFO(i << " " << to_json(request).dump());
        CHECK(flops(request) == static_cast<double>(model_flops(request)));
    }
}

TEST_CASE("TensorRanksShareTheModelFlops") {
    PlanRequest request = cut("meta-llama/Llama-3.1-8B", 2);
    const double whole = flops(request);
    request.layout.tensor = 8;
    CHECK(flops(request) * 8.0 == whole);
    request.layout.sequence_parallel = true;
    CHECK(flops(request) * 8.0 == whole);
}

TEST_CASE("ContextRanksShareTheModelFlops") {
    PlanRequest request = cut("meta-llama/Llama-3.1-8B", 2);
    const double whole = flops(request);
    request.layout.context = 4;
    CHECK(flops(request) * 4.0 == whole);
    request.layout.context_kind = ContextKind::ulysses;
    CHECK(flops(request) * 4.0 == whole);
}

TEST_CASE("FlashBackwardExecutesFiveProductsAgainstFour") {
    const PlanRequest request = cut("meta-llama/Llama-3.1-8B", 2);
    const Letters l = letters(request);
    // One product forward of s / 2 pairs a token is hq * s FLOPs; what is executed has the whole
    // diagonal, (s + 1) / 2 pairs. Two products forward, then four or five, in two layers.
    const std::int64_t product = l.sb * l.hq * l.s;
    const std::int64_t executed = l.sb * l.hq * (l.s + 1);
    CHECK(flops(request, Flop::matrix) - flops(request) ==
          static_cast<double>(2 * (7 * executed - 6 * product)));
}

TEST_CASE("RecomputationExecutesOneForwardPassOfWhatTheBackwardPassReads") {
    PlanRequest request = cut("meta-llama/Llama-3.1-8B", 3);
    const Letters l = letters(request);
    const double model = flops(request);
    const double matrix = flops(request, Flop::matrix);
    // The down projection ends a layer: nothing of the layer reads what it puts out.
    const std::int64_t forward =
        l.sb * (2 * (l.h * (l.hq + 2 * l.hk) + l.hq * l.h + 2 * l.h * l.f) + 2 * l.hq * (l.s + 1));
    for (const auto mode : {RecomputeMode::layer, RecomputeMode::sqrt, RecomputeMode::all}) {
        request.recompute.mode = mode;
        const std::int64_t segment = mode == RecomputeMode::layer ? 1
                                     : mode == RecomputeMode::all ? 3
                                                                  : 2;
        // Inside a longer segment the next layer does read it.
        const std::int64_t inner = 3 - ceil_div<std::int64_t>(3, segment);
        const std::int64_t again = 3 * forward + inner * l.sb * 2 * l.f * l.h;
        CHECK(flops(request) == model);
        CHECK(flops(request, Flop::matrix) - matrix == static_cast<double>(again));
    }
}

TEST_CASE("SelectiveRecomputationOfAttentionExecutesTwoProductsALayerAgain") {
    PlanRequest request = cut("meta-llama/Llama-3.1-8B", 2);
    const Letters l = letters(request);
    const double matrix = flops(request, Flop::matrix);
    request.recompute = {RecomputeMode::selective, 1, {true, true, true}};
    const std::int64_t core = 2 * l.sb * l.hq * (l.s + 1);
    CHECK(flops(request, Flop::matrix) - matrix == static_cast<double>(2 * core));
}
