#include "planner/lower/parameter_count.h"
#include "tests/lower/oracle.h"

// Bytes that one rank sends in a step, by the ring algorithm: (n - 1) / n of the whole for a gather
// or a scatter, twice that for an all-reduce (Rajbhandari et al. 2020; Narayanan et al. 2021).

using namespace headroom;
using namespace headroom::test;

namespace {

constexpr auto kGather = CollectiveKind::all_gather;
constexpr auto kScatter = CollectiveKind::reduce_scatter;
constexpr auto kReduce = CollectiveKind::all_reduce;
constexpr auto kTrade = CollectiveKind::all_to_all;

constexpr std::int64_t kRanks = 8;

/// The part of `whole` bytes that goes round a ring of n ranks.
std::int64_t ring(std::int64_t whole, std::int64_t n = kRanks) { return whole / n * (n - 1); }

PlanRequest llama(int zero, std::int64_t layers = 4) {
    PlanRequest request = cut("meta-llama/Llama-3.1-8B", layers, 512);
    request.layout.data = kRanks;
    request.layout.zero = zero;
    return request;
}

/// Parameters of the embedding, and of the head with the final norm.
std::int64_t table(const ModelSpec& m) { return m.vocab * m.hidden; }
std::int64_t head(const ModelSpec& m) { return m.vocab * m.hidden + m.hidden; }

/// What one more layer adds to the traffic.
std::int64_t layer_sends(PlanRequest request, CollectiveKind kind, Axis axis) {
    const Bytes less = sent(request, kind, axis);
    ++request.model.layers;
    return (sent(request, kind, axis) - less).count();
}

}  // namespace

TEST_CASE("WithoutZeroGradientsAreReducedOnceAStep") {
    for (const std::int64_t accumulation : {1, 4}) {
        PlanRequest request = llama(0);
        request.train.accumulation = accumulation;
        CHECK(sent(request, kReduce, Axis::data).count() == 2 * ring(2 * parameters(request)));
    }
}

TEST_CASE("ZeroOneScattersGradientsAndGathersWeightsOnceAStep") {
    for (const std::int64_t accumulation : {1, 4}) {
        PlanRequest request = llama(1);
        request.train.accumulation = accumulation;
        CHECK(sent(request, kScatter, Axis::shard).count() == ring(2 * parameters(request)));
        CHECK(sent(request, kGather, Axis::shard).count() == ring(2 * parameters(request)));
    }
}

TEST_CASE("ZeroTwoScattersGradientsEveryMicroStep") {
    for (const std::int64_t accumulation : {1, 4}) {
        PlanRequest request = llama(2);
        request.train.accumulation = accumulation;
        CHECK(sent(request, kScatter, Axis::shard).count() ==
              accumulation * ring(2 * parameters(request)));
        CHECK(sent(request, kGather, Axis::shard).count() == ring(2 * parameters(request)));
    }
}

TEST_CASE("FullPrecisionGradientsTravelInFullPrecision") {
    PlanRequest request = llama(1);
    request.train.gradient = DType::f32;
    CHECK(sent(request, kScatter, Axis::shard).count() == ring(4 * parameters(request)));
    CHECK(sent(request, kGather, Axis::shard).count() == ring(2 * parameters(request)));
}

TEST_CASE("ZeroThreeGathersLayersForEachPass") {
    const PlanRequest request = llama(3);
    const std::int64_t outer = table(request.model) + head(request.model);
    const std::int64_t layers = parameters(request) - outer;
    CHECK(sent(request, kScatter, Axis::shard).count() == ring(2 * parameters(request)));
    // The table's backward pass does not read it; the head's two passes follow one another.
    CHECK(sent(request, kGather, Axis::shard).count() == ring(2 * (2 * layers + outer)));
    // Three sends of a layer against the two of an all-reduce: half as much again.
    CHECK(layer_sends(request, kGather, Axis::shard) +
              layer_sends(request, kScatter, Axis::shard) ==
          layer_sends(llama(0), kReduce, Axis::data) / 2 * 3);
}

TEST_CASE("RecomputationOfALayerNeedsNoGatherOfItsOwn") {
    PlanRequest request = llama(3);
    const Bytes plain = sent(request, kGather, Axis::shard);
    request.recompute.mode = RecomputeMode::layer;
    CHECK(sent(request, kGather, Axis::shard) == plain);
    // In a longer segment every layer but the last has left the device when its backward pass
    // comes.
    request.recompute = {RecomputeMode::every, 2, {}};
    const std::int64_t layer =
        (parameters(request) - table(request.model) - head(request.model)) / request.model.layers;
    CHECK((sent(request, kGather, Axis::shard) - plain).count() == 2 * ring(2 * layer));
}

TEST_CASE("HybridShardingReducesShardsOverTheReplicas") {
    for (const int zero : {1, 2, 3}) {
        PlanRequest request = llama(zero);
        request.layout.data = 16;
        request.layout.shard = 4;
        request.train.accumulation = 2;
        const std::int64_t gradient = 2 * parameters(request);
        const std::int64_t scatters = zero == 1 ? 1 : 2;
        CHECK(sent(request, kScatter, Axis::shard).count() == scatters * ring(gradient, 4));
        CHECK(sent(request, kReduce, Axis::replica).count() == 2 * ring(gradient / 4, 4));
    }
}

TEST_CASE("TensorParallelLayerReducesTwiceInEachPass") {
    PlanRequest request = cut("meta-llama/Llama-3.1-70B", 2);
    request.layout.tensor = 8;
    const Letters l = letters(request);
    CHECK(layer_sends(request, kReduce, Axis::tensor) == 4 * 2 * ring(2 * l.sb * l.h));
    CHECK(layer_sends(request, kGather, Axis::tensor) == 0);
}

TEST_CASE("SequenceParallelLayerGathersAndScattersTwiceInEachPassAndGathersInputsAgain") {
    PlanRequest request = cut("meta-llama/Llama-3.1-70B", 2);
    request.layout.tensor = 8;
    request.layout.sequence_parallel = true;
    const Letters l = letters(request);
    const std::int64_t stream = ring(2 * l.sb * l.h);
    CHECK(layer_sends(request, kGather, Axis::tensor) == (2 + 2 + 2) * stream);
    CHECK(layer_sends(request, kScatter, Axis::tensor) == (2 + 2) * stream);
    // Norm gradients are of this rank's tokens.
    CHECK(layer_sends(request, kReduce, Axis::tensor) == 2 * ring(2 * 2 * l.h));
    // Recomputing the layer gathers the same inputs again and scatters the attention's output; the
    // layer's own output is not needed.
    request.recompute.mode = RecomputeMode::layer;
    CHECK(layer_sends(request, kGather, Axis::tensor) == (2 + 2 + 2) * stream);
    CHECK(layer_sends(request, kScatter, Axis::tensor) == (2 + 2 + 1) * stream);
}

TEST_CASE("SegmentsOfSeveralLayersGatherInputsForTheRerunAndForTheBackwardPass") {
    PlanRequest request = cut("meta-llama/Llama-3.1-8B", 4);
    request.layout.tensor = 8;
    request.layout.sequence_parallel = true;
    request.recompute = {RecomputeMode::every, 2, {}};
    const Letters l = letters(request);
    const Bytes four = sent(request, kGather, Axis::tensor);
    request.model.layers = 6;
    // Megatron-LM does so too: held for the whole segment, gathered inputs would be its largest
    // part.
    CHECK((sent(request, kGather, Axis::tensor) - four).count() ==
          2 * (2 + 2 + 2 + 2) * ring(2 * l.sb * l.h));
}

TEST_CASE("ExpertRowsTravelTwiceInEachPass") {
    PlanRequest request = cut("mistralai/Mixtral-8x7B-v0.1", 2);
    request.layout.data = request.layout.expert = kRanks;
    const Letters l = letters(request);
    const std::int64_t rows = l.sb * request.model.moe->top_k;
    // Routing weights, f32, go with the rows, and their gradients come back.
    CHECK(layer_sends(request, kTrade, Axis::expert) ==
          4 * ring(2 * rows * l.h) + 2 * ring(4 * rows));
}

TEST_CASE("HeadsAndTokensAreTradedFourTimesInEachPass") {
    PlanRequest request = cut("meta-llama/Llama-3.1-8B", 2);
    request.layout.context = 4;
    request.layout.context_kind = ContextKind::ulysses;
    const Letters l = letters(request);
    // q and the context, k and v.
    CHECK(layer_sends(request, kTrade, Axis::context) ==
          2 * ring(2 * l.sb * (2 * l.hq + 2 * l.hk), 4));
}

TEST_CASE("KeysAndValuesAreGatheredAndTheirGradientsScattered") {
    PlanRequest request = cut("meta-llama/Llama-3.1-8B", 2);
    request.layout.context = 4;
    const Letters l = letters(request);
    const std::int64_t pair = 2 * 2 * l.sb * 4 * l.hk;
    CHECK(layer_sends(request, kGather, Axis::context) == ring(pair, 4));
    CHECK(layer_sends(request, kScatter, Axis::context) == ring(pair, 4));
}

TEST_CASE("StagesSendTheStreamAcrossEachBoundaryBothWays") {
    for (const bool sequence_parallel : {false, true}) {
        PlanRequest request = cut("meta-llama/Llama-3.1-8B", 8);
        request.layout.pipeline = 4;
        request.layout.tensor = 2;
        request.layout.sequence_parallel = sequence_parallel;
        request.train.accumulation = 16;
        const Letters l = letters(request);
        const std::int64_t stream = 16 * 2 * l.sb * l.h / (sequence_parallel ? 2 : 1);
        const auto stage_sends = [&](std::int64_t stage) {
            return sent(request, CollectiveKind::send, Axis::pipeline, stage).count();
        };
        CHECK(stage_sends(0) == stream);
        CHECK(stage_sends(1) == 2 * stream);
        CHECK(stage_sends(3) == stream);
    }
}
