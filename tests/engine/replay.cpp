#include "planner/engine/allocator_replay.h"
#include "planner/engine/engine_memory.h"
#include "planner/engine/program_builder.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

constexpr Bytes kBlock = mebibytes(64);

/// A program whose backward pass allocates each of its buffers and releases it before the next.
StepProgram one_by_one(std::vector<ProgramBuffer> buffers) {
    StepProgram program;
    program.buffers = std::move(buffers);
    for (std::uint32_t at = 0; at < program.buffers.size(); ++at) {
        program.backward.push_back({EventKind::allocate, at});
        program.backward.push_back({EventKind::release, at});
    }
    return program;
}

PlanRequest gpt(std::int64_t tensor, std::int64_t pipeline, std::int64_t data) {
    PlanRequest request;
    request.model = {.name = "gpt-shaped",
                     .family = "gpt2",
                     .layers = 8,
                     .hidden = 2048,
                     .vocab = 50304,
                     .max_positions = 2048};
    request.model.attention = {.heads = 16, .kv_heads = 16, .head_dim = 128};
    request.model.ffn = {.width = 8192};
    request.train.sequence = 1024;
    request.train.compute = DType::f16;
    request.train.accumulation = 16;
    request.train.loss = LossKind::unfused;
    request.recompute.mode = RecomputeMode::layer;
    request.layout = {.data = data, .tensor = tensor, .pipeline = pipeline, .zero = 1};
    request.hardware.gpus = tensor * pipeline * data;
    return request;
}

}  // namespace

TEST_CASE("AStreamReusesItsOwnBlocksOnly") {
    StepProgram program;
    const Bytes size = mebibytes(64);
    program.buffers = {{size, 0, 0, BlockStream::compute}, {size, 1, 1, BlockStream::gather}};
    for (const std::uint32_t buffer : {0U, 1U}) {
        program.forward.push_back({EventKind::allocate, buffer});
        program.forward.push_back({EventKind::release, buffer});
    }
    CHECK(replayed_reserve(program, {}) == mebibytes(128));
    program.buffers[1].stream = BlockStream::compute;
    CHECK(replayed_reserve(program, {}) == mebibytes(64));
}

TEST_CASE("NothingIsReservedBeyondTheCardWhereFreeSegmentsCanGo") {
    // Two large requests of different size, one after the other, on a card that holds one.
    StepProgram program;
    program.buffers = {{mebibytes(64), 0, 0}, {mebibytes(80), 1, 1}};
    for (const std::uint32_t buffer : {0U, 1U}) {
        program.forward.push_back({EventKind::allocate, buffer});
        program.forward.push_back({EventKind::release, buffer});
    }
    CHECK(replayed_reserve(program, {}) == mebibytes(144));
    CHECK(replayed_reserve(program, {.limit = mebibytes(100)}) == mebibytes(80));
}

TEST_CASE("TheFirstMicroBatchsGradientStaysAndOthersAreAddedToIt") {
    const StepProgram program =
        one_by_one({{.size = kBlock, .life = BufferLife::first_stays}, {.size = kBlock}});
    // One micro-batch: the gradient and what comes after it. More: the same, whatever their number.
    for (const std::int64_t count : {1, 2, 5}) {
        INFO(count << " micro-batches");
        CHECK(replayed_reserve(program, {.micro_batches = count}) == 2 * kBlock);
    }
    // A copy of it is made for its reduction before it goes.
    CHECK(replayed_reserve(program, {.reduced = {kBlock, kBlock},
                                     .gradients = GradientLife::reduced}) == 3 * kBlock);
}

TEST_CASE("SummedGradientsGoWhenTheNextBackwardPassBegins") {
    const StepProgram program = one_by_one({{.size = kBlock, .life = BufferLife::first_stays}});
    // Beside the gradient an fp32 copy, twice as large, that lies in a segment of its own.
    CHECK(replayed_reserve(program, {.gradients = GradientLife::summed, .micro_batches = 4}) ==
          3 * kBlock);
    CHECK(replayed_reserve(program, {.gradients = GradientLife::step, .micro_batches = 1}) ==
          kBlock);
}

TEST_CASE("OutputsOfTwoMicroBatchesWaitBesideTheNewestOne") {
    const StepProgram program = one_by_one({{.size = kBlock, .life = BufferLife::two_later}});
    CHECK(replayed_reserve(program, {.micro_batches = 1}) == 3 * kBlock);  // over three steps
    CHECK(replayed_reserve(program, {.micro_batches = 8}) == 3 * kBlock);
}

TEST_CASE("AUnitIsLoadedThroughItsParametersTheirBucketsAndAFlatCopy") {
    const StepProgram program;
    const LoadedUnit unit{.parameters = {kBlock, kBlock}, .shard = kBlock};
    CHECK(replayed_reserve(program, {.loaded = {unit}}) == 5 * kBlock);
    // The flat copy is made when the buckets are gone; it fills a bucket's block.
    LoadedUnit broadcast = unit;
    broadcast.buckets = {2 * kBlock};
    CHECK(replayed_reserve(program, {.loaded = {broadcast}}) == 5 * kBlock);
    broadcast.buckets = {kBlock, kBlock};
    CHECK(replayed_reserve(program, {.loaded = {broadcast}}) == 6 * kBlock);
    // Parameters of the next unit take the blocks that this one left.
    CHECK(replayed_reserve(program, {.loaded = {unit, unit}}) == 6 * kBlock);
}

TEST_CASE("DeepSpeedsZero1KeepsFlatWeightsAndItsPartOfMastersAndMoments") {
    const PlanRequest request = gpt(1, 1, 4);
    const Engine& engine = engine_named("megatron", "2022");
    const Lowering lowering = engine_step(request, engine_stage(request, {}, 0));
    const StateMemory states = state_memory(lowering, engine, {});
    const WeightCounts counts = weight_counts(lowering);
    const double all = counts.dense;
    const FlatBuffers flat = zero1_buffers(flat_groups(lowering), states);
    CHECK(flat.kept().real() == Approx(2.0 * all + 12.0 * all / 4.0).epsilon(1e-6));
    CHECK(flat.zeros.size() == 1);  // the update that makes the moments reads zero gradients
    // bf16: fp32 sums of all gradients too.
    const StateMemory summed = state_memory(lowering, engine, {.gradient_bytes = 6.0});
    CHECK(sums_apart(summed));
    const FlatBuffers sums = zero1_buffers(flat_groups(lowering), summed);
    CHECK((sums.kept() - flat.kept()).real() == Approx(4.0 * all).epsilon(1e-6));
    CHECK(sums.zeros.empty());
}

TEST_CASE("AFirstStageKeepsNoMoreThanItsCheckpointsForAWaitingMicroBatch") {
    const PlanRequest request = gpt(1, 2, 1);
    const Engine& engine = engine_named("megatron", "2022");
    const Lowering lowering = engine_step(request, engine_stage(request, {}, 0));
    const StepProgram program = step_program(lowering, engine, {});
    const double input = 2.0 * 1024 * 2048;
    // A layer's input each, and the mask of the embedding's dropout; its output is sent.
    CHECK(program.kept().real() <= (4.0 + 0.5) * input);
    CHECK(program.kept().real() >= 4.0 * input);
}

TEST_CASE("CapturedFeedForwardsAreReservedButNotAllocated") {
    PlanRequest request = gpt(1, 1, 2);
    request.recompute.mode = RecomputeMode::none;
    request.train.micro_batch = 8;
    const Engine& engine = engine_named("megatron", "core");
    const auto with = [&](bool graphs) {
        return engine_memory(request, engine, {.graphs_feed_forward = graphs}, Replay::allocator);
    };
    const EngineMemory eager = with(false);
    const EngineMemory graphs = with(true);
    // The first product's output and the activation's, of eight layers.
    const double kept = 8.0 * 2.0 * 8.0 * 1024.0 * (8192.0 + 8192.0);
    CHECK((eager.allocated - graphs.allocated).real() == Approx(kept).epsilon(0.15));
    CHECK(eager.reserved == graphs.reserved);
}
