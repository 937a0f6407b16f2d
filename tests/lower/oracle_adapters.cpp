#include <algorithm>

#include "tests/lower/oracle.h"

// Counts of Hugging Face PEFT's published runs (method_comparison/MetaMathQA); bytes of Dettmers et
// al. 2023, "QLoRA".

using namespace headroom;
using namespace headroom::test;

namespace {

PlanRequest adapted(const char* id, AdapterKind kind, std::int64_t rank) {
    PlanRequest request = request_for(preset(id), 512);
    request.adapter.kind = kind;
    request.adapter.rank = rank;
    return request;
}

PlanRequest query_and_value(AdapterKind kind, std::int64_t rank) {
    PlanRequest request = adapted("meta-llama/Llama-3.2-3B", kind, rank);
    request.adapter.targets = {"q_proj", "v_proj"};
    return request;
}

/// Matrices of the blocks of a gated dense model.
std::int64_t block_matrices(const PlanRequest& request) {
    const Letters l = letters(request);
    return request.model.layers * (l.h * (2 * l.hq + 2 * l.hk) + 3 * l.h * l.f);
}

/// Bytes of the codes and scales that stand for the blocks' matrices.
double quantized_bytes(const PlanRequest& request) {
    const Lowering lowering = lower(request, stage_of(request, 0), false);
    Bytes sum{};
    for (const auto& tensor : lowering.graph.tensors) {
        const bool whole = tensor.parameter.is_parameter && !tensor.parameter.adapter;
        if (whole && tensor.label.layer >= 0 && tensor.dtype != DType::bf16) sum += bytes(tensor);
    }
    return sum.real();
}

/// Inputs of a layer's seven linear layers, summed.
std::int64_t inputs(const Letters& l) { return 3 * l.h + l.hq + 2 * l.h + l.f; }

}  // namespace

TEST_CASE("TrainableParametersEqualThePublishedCounts") {
    CHECK(trainable(query_and_value(AdapterKind::lora, 32)) == 9'175'040);
    CHECK(trainable(query_and_value(AdapterKind::dora, 32)) == 9'289'728);
    CHECK(trainable(query_and_value(AdapterKind::lora, 64)) == 18'350'080);
}

TEST_CASE("OnlyAdaptersHaveGradientsAndOptimizerStates") {
    const PlanRequest request = query_and_value(AdapterKind::lora, 32);
    CHECK(held(request, Role::gradient).count() == 2 * 9'175'040);
    CHECK(held(request, Role::master).count() == 4 * 9'175'040);
    CHECK(held(request, Role::optimizer).count() == 8 * 9'175'040);
}

TEST_CASE("QuantizedMatricesTakeHalfAByteAndTheirScales") {
    PlanRequest request = adapted("meta-llama/Llama-3.1-8B", AdapterKind::qlora, 16);
    request.model.layers = 4;
    const auto count = static_cast<double>(block_matrices(request));
    // A scale of one byte for 64 weights, an f32 one for 256 scales: 0.127 bits, 0.015875 bytes.
    CHECK(quantized_bytes(request) == Approx((0.5 + 1.0 / 64 + 4.0 / 64 / 256) * count));
    CHECK(quantized_bytes(request) == Approx((0.5 + 0.015875) * count).epsilon(2e-5));
    request.adapter.double_quant = false;
    CHECK(quantized_bytes(request) == (0.5 + 0.0625) * count);
}

TEST_CASE("QuantizationLeavesEmbeddingsAndNormsInSixteenBits") {
    PlanRequest request = adapted("meta-llama/Llama-3.1-8B", AdapterKind::qlora, 16);
    request.model.layers = 4;
    const Letters l = letters(request);
    const std::int64_t plain = 2 * request.model.vocab * l.h + (2 * request.model.layers + 1) * l.h;
    const auto weights = static_cast<double>(2 * (plain + trainable(request)));
    CHECK(held(request, Role::parameter).real() ==
          Approx(weights + quantized_bytes(request)).epsilon(1e-5));
}

TEST_CASE("OneDequantizedMatrixIsThereAtATime") {
    PlanRequest request = adapted("meta-llama/Llama-3.1-8B", AdapterKind::qlora, 16);
    request.model.layers = 6;
    const Letters l = letters(request);
    const Bytes largest{2 * l.h * l.f};
    for (const auto mode :
         {RecomputeMode::none, RecomputeMode::layer, RecomputeMode::every, RecomputeMode::all}) {
        request.recompute = {mode, 2, {}};
        CHECK(most_workspace(request) >= largest);
        CHECK(most_workspace(request) < largest + mebibytes(16));
    }
}

TEST_CASE("AdapterKeepsItsLowRankValuesBesideTheLayersInputs") {
    PlanRequest request = adapted("meta-llama/Llama-3.1-8B", AdapterKind::none, 16);
    request.model.layers = 2;
    const Letters l = letters(request);
    const Bytes full = kept_by_next_layer(request);
    request.adapter.kind = AdapterKind::lora;
    // Seven linear layers; A's gradient needs the inputs that the frozen matrices no longer do.
    CHECK((kept_by_next_layer(request) - full).count() == 7 * 2 * l.sb * 16);
}

TEST_CASE("AdapterDropoutKeepsAnInputAndAMaskOfItsOwn") {
    PlanRequest request = adapted("meta-llama/Llama-3.1-8B", AdapterKind::lora, 16);
    request.model.layers = 2;
    const Letters l = letters(request);
    const Bytes plain = kept_by_next_layer(request);
    request.adapter.dropout = 0.05;
    // Each adapter reads what its own dropout leaves (2 bytes) and keeps the mask (1). What the
    // frozen matrices read goes, but for the attention's output, which its backward pass reads.
    const std::int64_t gone = 2 * (2 * l.h + l.f);
    CHECK((kept_by_next_layer(request) - plain).count() == l.sb * (3 * inputs(l) - gone));
}
