#include "planner/engine/engine_memory.h"

#include <cmath>

#include "planner/engine/operator_chain.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

/// A 70B-shaped model of a few layers, as SimuMax measures it on B200.
PlanRequest llama(std::int64_t layers, std::int64_t tensor, std::int64_t data) {
    PlanRequest request;
    request.model = {.name = "llama-shaped",
                     .family = "llama",
                     .layers = layers,
                     .hidden = 8192,
                     .vocab = 128256,
                     .max_positions = 8192};
    request.model.attention = {.heads = 64, .kv_heads = 8, .head_dim = 128, .fused_qkv = true};
    request.model.ffn = {.width = 28672, .gated = true, .fused_gate_up = true};
    request.train.loss = LossKind::fused;
    request.layout = {.data = data, .tensor = tensor, .sequence_parallel = tensor > 1, .zero = 1};
    request.hardware.gpus = data * tensor;
    return request;
}

double allocated_gib(const PlanRequest& request) {
    const Engine& engine = engine_named("megatron", "core");
    return in_gib(engine_memory(request, engine, {}, Replay::none).allocated);
}

}  // namespace

TEST_CASE("MegatronKeepsWhatTheClosedFormulaSays") {
    // Dense GQA + SwiGLU + flash attention with sequence parallelism, bf16:
    // (s b / t) (2 (4h + 2 hq + 2 hk + a) + 6 f) a layer, log-sum-exp in fp32.
    for (const std::int64_t tensor : {1, 2, 4, 8}) {
        const Engine& engine = engine_named("megatron", "core");
        const auto kept = [&](std::int64_t layers) {
            const PlanRequest request = llama(layers, tensor, 1);
            const Lowering lowering = engine_step(request, engine_stage(request, {}, 0));
            return step_program(lowering, engine, {}).kept().real();
        };
        const double layer = (kept(6) - kept(2)) / 4.0;
        const double closed =
            4096.0 / static_cast<double>(tensor) *
            (2.0 * (4.0 * 8192 + 2.0 * 8192 + 2.0 * 1024 + 2.0 * 64) + 6.0 * 28672);
        INFO("tensor " << tensor);
        CHECK(layer / closed == Approx(1.0).margin(0.003));
    }
}

TEST_CASE("MegatronOnB200IsWithinOnePercent") {
    // torch.max_memory_allocated, SimuMax B200 release 1.2 (Megatron-LM @23e00ed, TE 2.11).
    CHECK(allocated_gib(llama(12, 2, 4)) == Approx(60.68).epsilon(0.01));
    CHECK(allocated_gib(llama(12, 4, 2)) == Approx(39.07).epsilon(0.01));
    CHECK(allocated_gib(llama(12, 8, 1)) == Approx(28.29).epsilon(0.01));
}

TEST_CASE("AllocatedIsAtMostReservedIsAtMostProcess") {
    for (const auto& engine : engines()) {
        for (const int zero : {0, 1, 2, 3}) {
            PlanRequest request = llama(4, 1, 4);
            request.layout.zero = zero;
            const EngineMemory memory = engine_memory(request, engine, {}, Replay::allocator);
            INFO(engine.id << " " << engine.version << " zero " << zero);
            CHECK(memory.allocated <= memory.reserved);
            CHECK(memory.reserved <= memory.process);
            CHECK(memory.transient > Bytes{});
        }
    }
}

TEST_CASE("MoreShardingNeverTakesMoreStates") {
    for (const auto& engine : engines()) {
        Bytes before{};
        for (const int zero : {3, 2, 1, 0}) {
            PlanRequest request = llama(4, 1, 8);
            request.layout.zero = zero;
            // Accumulation keeps gradients through the step, whatever the engine.
            request.train.accumulation = 2;
            const EngineMemory memory = engine_memory(request, engine, {}, Replay::none);
            INFO(engine.id << " " << engine.version << " zero " << zero);
            CHECK(memory.states >= before);
            before = memory.states;
        }
    }
}

TEST_CASE("RecomputedLayersTakeLess") {
    PlanRequest request = llama(8, 1, 4);
    const double whole = allocated_gib(request);
    request.recompute.mode = RecomputeMode::layer;
    const double recomputed = allocated_gib(request);
    CHECK(recomputed < whole);
    EngineSettings alternate;
    alternate.alternate_products = true;
    request.recompute.mode = RecomputeMode::none;
    const double half =
        in_gib(engine_memory(request, engine_named("megatron"), alternate, Replay::none).allocated);
    CHECK(half < whole);
    CHECK(half > recomputed);
}

TEST_CASE("AChainKeepsEachValueOnce") {
    // x -> y -> z, two operators keep y: it is counted once; input and output are others' own.
    constexpr std::array kChain{ChainOp{.in = 0, .bytes = 4, .keeps = Keeps::both},
                                ChainOp{.in = 1, .bytes = 4, .keeps = Keeps::input},
                                ChainOp{.in = 1, .bytes = 2, .keeps = Keeps::both}};
    CHECK(kept_between(kChain) == 4);
}

TEST_CASE("AnUnknownEngineIsRefusedWithTheKnownNames") {
    CHECK_THROWS_WITH(engine_named("megatrom"), Catch::Contains("megatron-core"));
}
