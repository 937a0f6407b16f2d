#include "planner/engine/allocator_replay.h"
#include "planner/engine/engine_memory.h"
#include "planner/engine/program_builder.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

PlanRequest llama(std::int64_t layers, std::int64_t data) {
    PlanRequest request;
    request.model = {.name = "llama-shaped",
                     .family = "llama",
                     .layers = layers,
                     .hidden = 4096,
                     .vocab = 32000,
                     .max_positions = 8192};
    request.model.attention = {.heads = 32, .kv_heads = 32, .head_dim = 128};
    request.model.ffn = {.width = 11008, .gated = true};
    request.train.sequence = 256;
    request.train.loss = LossKind::fused;
    request.layout = {.data = data, .zero = 1};
    request.hardware.gpus = data;
    return request;
}

double parameters(const PlanRequest& request) {
    const Lowering lowering = engine_step(request, engine_stage(request, {}, 0));
    const WeightCounts counts = weight_counts(lowering);
    return counts.dense + counts.experts;
}

}  // namespace

TEST_CASE("Fp32CopiesOf16BitGradientsAreThePeakWhenActivationsAreSmall") {
    const PlanRequest request = llama(8, 2);
    const Engine& engine = engine_named("megatron", "core");
    const auto with = [&](double gradient_bytes) {
        return engine_memory(request, engine, {.gradient_bytes = gradient_bytes}, Replay::none);
    };
    // Half of the parameters are this rank's; an fp32 buffer is read as it is.
    const EngineMemory half = with(2.0);
    CHECK((half.allocated - half.states - half.buffers).real() ==
          Approx(4.0 * parameters(request) / 2.0).epsilon(1e-3));
    const EngineMemory full = with(4.0);
    CHECK((full.allocated - full.states - full.buffers) == full.transient);
}

TEST_CASE("InternEvosUpdateHolds28BytesAParameterOfItsShard") {
    PlanRequest request = llama(8, 2);
    request.layout.zero = 3;
    request.train.loss = LossKind::unfused;
    request.train.accumulation = 4;
    const EngineMemory memory =
        engine_memory(request, engine_named("megatron", "internevo"), {}, Replay::none);
    CHECK((memory.allocated - memory.buffers).real() ==
          Approx(28.0 * parameters(request) / 2.0).epsilon(0.01));
}

TEST_CASE("AStageOfAPipelineHoldsTheLossOfOneMicroBatch") {
    PlanRequest request = llama(16, 1);
    request.layout.pipeline = 2;
    request.layout.interleave = 4;
    request.layout.schedule = PipelineSchedule::interleaved;
    request.layout.data = 1;
    request.layout.zero = 0;
    request.hardware.gpus = 2;
    request.train.accumulation = 8;
    const Engine& engine = engine_named("megatron", "core");
    const auto last_stage = [&](std::int64_t vocab) {
        request.model.vocab = vocab;
        const Lowering lowering = engine_step(request, engine_stage(request, {}, 1));
        return peak_of(step_program(lowering, engine, {}), 7.0 / 4.0).real();
    };
    // Seven of its four-chunk micro-batches' chunks wait, but one micro-batch's logits are there.
    CHECK(last_stage(64000) - last_stage(32000) == Approx(2.0 * 256.0 * 32000.0).epsilon(0.01));
}

TEST_CASE("NanotronCutsAPipelineByCost") {
    PlanRequest request = llama(80, 1);
    request.model.hidden = 8192;
    request.model.vocab = 131072;
    request.model.ffn.width = 28672;
    request.layout = {.pipeline = 16};
    const EngineSettings by_cost{.stages = StageSplit::by_cost};
    // The layer that crosses a sixteenth of the cost stays: 6 layers where 5 would be even.
    CHECK(engine_stage(request, by_cost, 0).layers() == 6);
    request.layout.pipeline = 32;
    CHECK(engine_stage(request, by_cost, 0).layers() == 3);
    std::int64_t all = 0;
    for (std::int64_t i = 0; i < 32; ++i) all += engine_stage(request, by_cost, i).layers();
    CHECK(all == 80);
}

TEST_CASE("TheRemainderOfInternEvosLayersIsLast") {
    PlanRequest request = llama(60, 1);
    request.layout = {.pipeline = 16};
    const EngineSettings last{.stages = StageSplit::remainder_last};
    CHECK(engine_stage(request, last, 0).layers() == 3);
    CHECK(engine_stage(request, last, 15).layers() == 4);
}

TEST_CASE("ARanksSliceIsCutAtItsEndsOnly") {
    const FlatGroup group{.elements = {100, 300, 50, 150}, .shards = 2};
    CHECK(slice_of(group, 0) == std::vector<std::int64_t>{100, 200});
    CHECK(slice_of(group, 1) == std::vector<std::int64_t>{100, 50, 150});
}

TEST_CASE("UnitsOfZero3AreGatheredWhileTheyAreUsed") {
    PlanRequest request = llama(8, 4);
    request.layout.zero = 3;
    const Engine& engine = engine_named("fsdp", "torchtitan");
    const Lowering lowering = engine_step(request, engine_stage(request, {}, 0));
    const StepProgram program = step_program(lowering, engine, {});
    std::int64_t gathers = 0;
    for (const auto& buffer : program.buffers) {
        if (buffer.stream == BlockStream::gather) ++gathers;
    }
    CHECK(gathers == 8 * 4);  // a cast shard and a whole unit, forward and backward
    request.layout.data = 1;
    request.hardware.gpus = 1;
    CHECK_FALSE(gathers_units(request, engine));
}

TEST_CASE("AWeightUpdatedInTheBackwardPassLeavesNoGradientForTheNext") {
    PlanRequest request = llama(8, 1);
    request.layout = {};
    request.recompute.mode = RecomputeMode::layer;
    const Engine& engine = engine_named("torchtune", "compiled");
    const auto transient = [&](bool updates) {
        return engine_memory(request, engine, {.updates_in_backward = updates}, Replay::none)
            .transient.real();
    };
    // All 16-bit gradients at the end of the pass, or the loss and a layer's few.
    const double gradients = 2.0 * parameters(request);
    CHECK(transient(false) > gradients);
    CHECK(transient(true) < gradients);
    // One layer's weight gradients and more never go below the largest of them.
    CHECK(transient(true) > 2.0 * 4096 * 11008);
}
