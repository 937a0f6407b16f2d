#include <map>

#include "tests/lower/oracle.h"

// Quantization-aware training rounds what the blocks' linear layers read; all else of the step is
// as it was.

using namespace headroom;
using namespace headroom::test;

namespace {

PlanRequest rounding(const char* id, std::int64_t layers, QatSpec qat) {
    PlanRequest request = cut(id, layers, 512);
    request.qat = qat;
    return request;
}
PlanRequest llama(QatSpec qat) { return rounding("meta-llama/Llama-3.1-8B", 2, qat); }

constexpr QatSpec kWeights{.weights = QatType::int4};
constexpr QatSpec kBoth{.weights = QatType::int4, .activations = QatType::int8};

StepGraph graph_of(const PlanRequest& request) {
    return lower(request, stage_of(request, 0), true).graph;
}

/// How often each parameter is read by an op of the kind in a phase.
template <class Kind>
std::map<std::string, int> reads(const StepGraph& graph, Phase phase) {
    std::map<std::string, int> count;
    for (const auto& node : graph.ops) {
        if (!std::holds_alternative<Kind>(node.op) || node.phase != phase) continue;
        ++count[to_string(graph[graph.inputs(node)[0]].label)];
    }
    return count;
}

int total_of(const std::map<std::string, int>& counts) {
    int sum = 0;
    for (const auto& [label, count] : counts) sum += count;
    return sum;
}

double vector_flops(const PlanRequest& request) {
    const StepGraph graph = graph_of(request);
    double sum = 0.0;
    for (const auto& node : graph.ops) sum += work(graph, node).vector.count();
    return sum;
}

}  // namespace

TEST_CASE("RoundingLeavesStatesAndTheModelsFlopsAsTheyWere") {
    const PlanRequest plain = llama({});
    for (const auto& qat : {kWeights, kBoth, QatSpec{.activations = QatType::int8}}) {
        const PlanRequest rounded = llama(qat);
        for (const auto role : {Role::parameter, Role::master, Role::gradient, Role::optimizer}) {
            CHECK(held(rounded, role) == held(plain, role));
        }
        CHECK(flops(rounded, Flop::model) == flops(plain, Flop::model));
        CHECK(flops(rounded, Flop::matrix) == flops(plain, Flop::matrix));
        CHECK(kept_by_next_layer(rounded) == kept_by_next_layer(plain));
    }
}

TEST_CASE("EveryMatrixOfABlockIsRoundedForwardAndBackwardAndNothingElseIs") {
    const PlanRequest request = llama(kWeights);
    const StepGraph graph = graph_of(request);
    const auto forward = reads<FakeQuantize>(graph, Phase::forward);
    CHECK(forward.size() == 7 * 2);
    CHECK(total_of(forward) == 7 * 2);
    CHECK(forward.at("layers.1.mlp.down_proj.weight") == 1);
    CHECK_FALSE(forward.contains("lm_head.weight"));
    CHECK(reads<FakeQuantize>(graph, Phase::backward) == forward);
    CHECK(reads<FakeQuantizeGrad>(graph, Phase::backward) == forward);
    // Twice rounded, once the gradient: seven operations each for every weight.
    const Letters l = letters(request);
    const auto weights = static_cast<double>(2 * (l.h * (2 * l.hq + 2 * l.hk) + 3 * l.h * l.f));
    CHECK(vector_flops(request) - vector_flops(llama({})) == 3 * 7 * weights);
}

TEST_CASE("LayersThatReadTheSameValueShareWhatItIsRoundedTo") {
    const StepGraph graph = graph_of(llama(kBoth));
    const auto forward = reads<FakeQuantize>(graph, Phase::forward);
    // Of q, k, v; of o; of gate and up; of down.
    CHECK(total_of(forward) == (7 + 4) * 2);
    CHECK(total_of(reads<FakeQuantizeGrad>(graph, Phase::backward)) == (7 + 4) * 2);
    for (const auto& node : graph.ops) {
        const auto* op = std::get_if<FakeQuantize>(&node.op);
        if (op == nullptr) continue;
        const bool weight = graph[graph.inputs(node)[0]].parameter.is_parameter;
        CHECK(op->to == (weight ? FakeQuantization{.bits = 4, .group = 32}
                                : FakeQuantization{.bits = 8, .symmetric = false}));
    }
}

TEST_CASE("OneRoundedMatrixIsThereAtATime") {
    PlanRequest request = rounding("meta-llama/Llama-3.1-8B", 6, kWeights);
    const Letters l = letters(request);
    const Bytes largest{2 * l.h * l.f};
    for (const auto mode : {RecomputeMode::none, RecomputeMode::selective, RecomputeMode::layer,
                            RecomputeMode::every, RecomputeMode::all}) {
        request.recompute = {mode, 2, {}};
        CHECK(most_workspace(request) >= largest);
        CHECK(most_workspace(request) < largest + mebibytes(16));
        request.qat = kBoth;
        CHECK(most_workspace(request) < largest + Bytes{2 * l.sb * l.f} + mebibytes(16));
        request.qat = kWeights;
    }
}

TEST_CASE("ExpertsAreRoundedAndTheirRouterIsNot") {
    const auto forward = reads<FakeQuantize>(
        graph_of(rounding("mistralai/Mixtral-8x7B-v0.1", 1, kWeights)), Phase::forward);
    CHECK(forward.at("layers.0.moe.experts.up.weight") == 1);
    CHECK(forward.at("layers.0.moe.experts.down.weight") == 1);
    CHECK(total_of(forward) == 4 + 2);
}

TEST_CASE("UnderAdaptersTheFrozenMatricesAreRoundedAndHaveNoGradient") {
    PlanRequest request = llama(kWeights);
    request.adapter.kind = AdapterKind::lora;
    const StepGraph graph = graph_of(request);
    CHECK(total_of(reads<FakeQuantize>(graph, Phase::forward)) == 7 * 2);
    CHECK(reads<FakeQuantizeGrad>(graph, Phase::backward).empty());
}
