#include <set>
#include <string>

#include "tests/lower/oracle.h"

// Pruning adds a bit a weight of the blocks and a pass over their gradients; all else of the step
// is as it was.

using namespace headroom;
using namespace headroom::test;

namespace {

PlanRequest llama(PrunePattern pattern) {
    PlanRequest request = cut("meta-llama/Llama-3.1-8B", 2, 512);
    request.prune.pattern = pattern;
    return request;
}

/// Parameters of the units of the blocks, of which two vectors are no matrices.
std::int64_t block_parameters() {
    const PlanRequest none = cut("meta-llama/Llama-3.1-8B", 0, 512);
    return parameters(llama({})) - parameters(none);
}

}  // namespace

TEST_CASE("MasksAreABitAWeightOfTheBlocks") {
    const PlanRequest plain = llama(PrunePattern::none);
    for (const auto pattern : {PrunePattern::unstructured, PrunePattern::two_of_four}) {
        const PlanRequest pruned = llama(pattern);
        for (const auto role : {Role::parameter, Role::master, Role::gradient}) {
            CHECK(held(pruned, role) == held(plain, role));
        }
        CHECK(held(pruned, Role::optimizer) ==
              held(plain, Role::optimizer) + Bytes{block_parameters() / 8});
        CHECK(flops(pruned, Flop::matrix) == flops(plain, Flop::matrix));
    }
}

TEST_CASE("MasksAreShardedWithTheGradientsTheyAreFor") {
    for (const int zero : {0, 1, 2, 3}) {
        PlanRequest plain = llama(PrunePattern::none);
        plain.hardware.gpus = plain.layout.data = 8;
        plain.layout.zero = zero;
        PlanRequest pruned = plain;
        pruned.prune.pattern = PrunePattern::unstructured;
        const std::int64_t ranks = zero > 0 ? 8 : 1;
        // Storages begin at multiples of 512 bytes.
        const Bytes masks = held(pruned, Role::optimizer) - held(plain, Role::optimizer);
        CHECK(masks.count() == 2 * round_up(block_parameters() / 2 / 8 / ranks, kAlignment));
    }
    PlanRequest away = llama(PrunePattern::unstructured);
    away.offload.optimizer = Tier::cpu;
    CHECK(held(away, Role::optimizer) == Bytes{});
}

TEST_CASE("MatricesOfTheBlocksAndExpertsArePrunedAndNothingElse") {
    PlanRequest request = cut("mistralai/Mixtral-8x7B-v0.1", 1, 512);
    request.prune.pattern = PrunePattern::unstructured;
    const StepGraph graph = lower(request, stage_of(request, 0), true).graph;
    std::set<std::string> pruned;
    for (const auto& tensor : graph.tensors) {
        if (tensor.parameter.pruned) pruned.insert(std::string(tensor.label.part));
    }
    CHECK(pruned == std::set<std::string>{"attn.k_proj.weight", "attn.o_proj.weight",
                                          "attn.q_proj.weight", "attn.v_proj.weight",
                                          "moe.experts.down.weight", "moe.experts.up.weight"});
}

TEST_CASE("BiasesOfExpertsAreNotPruned") {
    PlanRequest request = cut("openai/gpt-oss-20b", 1, 512);
    request.prune.pattern = PrunePattern::unstructured;
    const StepGraph graph = lower(request, stage_of(request, 0), true).graph;
    int biases = 0;
    for (const auto& tensor : graph.tensors) {
        const bool bias = tensor.parameter.is_parameter && tensor.label.part.ends_with(".bias");
        if (!bias) continue;
        CHECK_FALSE(tensor.parameter.pruned);
        biases += tensor.parameter.unit == UnitKind::expert ? 1 : 0;
    }
    CHECK(biases == 2);
}

TEST_CASE("AGradientIsMaskedBeforeItsNormIsTaken") {
    const PlanRequest request = llama(PrunePattern::unstructured);
    const StepGraph graph = lower(request, stage_of(request, 0), true).graph;
    std::set<TensorId> masked;
    int norms = 0;
    for (const auto& node : graph.ops) {
        const auto in = graph.inputs(node);
        if (std::holds_alternative<MaskGradient>(node.op)) masked.insert(in[0]);
        if (!std::holds_alternative<GradNorm>(node.op) || node.layer < 0) continue;
        ++norms;
        CHECK(masked.contains(in[0]));
    }
    CHECK(norms == 2);
}
