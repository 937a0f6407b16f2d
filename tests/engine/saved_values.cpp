#include "planner/engine/saved_values.h"

#include "planner/engine/engine_memory.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

/// A model of a few layers as litgpt and transformers name it: separate matrices.
PlanRequest small(std::int64_t layers) {
    PlanRequest request;
    request.model = {.name = "small",
                     .family = "llama",
                     .layers = layers,
                     .hidden = 1024,
                     .vocab = 32000,
                     .max_positions = 2048};
    request.model.attention = {.heads = 8, .kv_heads = 8, .head_dim = 128};
    request.model.ffn = {.width = 2816, .gated = true};
    request.train.sequence = 1024;
    request.train.loss = LossKind::unfused;
    request.hardware.gpus = 1;
    return request;
}

/// Largest live bytes of a step's program in which the loss is by far the fullest moment.
double peak(const PlanRequest& request, Engine engine) {
    const Lowering lowering = engine_step(request, engine_stage(request, {}, 0));
    return peak_of(step_program(lowering, engine, {}), 1.0).real();
}

PlanRequest with_logits(LossStyle style) {
    PlanRequest request = small(1);
    request.model.vocab = 512000;
    request.train.loss = loss_rules(style).kind;
    return request;
}

Engine with_loss(LossStyle style) {
    Engine engine;
    engine.decomposition.loss = style;
    engine.weight_gradient = WeightGradient::main;
    return engine;
}

}  // namespace

TEST_CASE("ANormThatIsNotTrainedKeepsNoNormalisedValue") {
    for (const auto style : {NormStyle::upcast, NormStyle::composite, NormStyle::half}) {
        CHECK(norm_saves(style, Gain::frozen).between < norm_saves(style, Gain::trained).between);
    }
    // x in fp32, and the normalised value in 16 bit; the 16-bit x is nobody's.
    CHECK(norm_saves(NormStyle::upcast, Gain::trained).between == 4 + 2);
    CHECK_FALSE(norm_saves(NormStyle::upcast, Gain::trained).input);
    // A kernel keeps x alone.
    CHECK(norm_saves(NormStyle::fused, Gain::trained).between == 0);
    CHECK(norm_saves(NormStyle::fused, Gain::trained).input);
}

TEST_CASE("ALossPeaksAtTheBytesALogitOfItsOperators") {
    struct Row {
        LossStyle style;
        double bytes;
    };
    // 16-bit logits with the gradient over or beside them; fp32 logits over which the gradient is
    // written, then cast; log-softmax and two gradients; with the caller's logits; four of torch's.
    for (const auto& row : {Row{LossStyle::fused, 2}, Row{LossStyle::compiled, 4},
                            Row{LossStyle::megatron, 6}, Row{LossStyle::softmax_copy, 8},
                            Row{LossStyle::eager, 12}, Row{LossStyle::shifted_eager, 16},
                            Row{LossStyle::loss_parallel, 16}, Row{LossStyle::listed, 8}}) {
        const double logits = 1024.0 * 512000.0;
        INFO(static_cast<int>(row.style));
        CHECK(peak(with_logits(row.style), with_loss(row.style)) / logits ==
              Approx(row.bytes).margin(0.1));
    }
}

TEST_CASE("AnEngineOfTheProgramIsTheOneOfItsRow") {
    PlanRequest request = small(1);
    const Engine& titan = engine_named("fsdp", "torchtitan-2024");
    CHECK(loss_style(titan, {}, request) == LossStyle::eager);
    request.layout.tensor = 2;
    CHECK(loss_style(titan, {}, request) == LossStyle::loss_parallel);
    const Engine& tune = engine_named("torchtune", "compiled");
    CHECK(loss_style(tune, {.loss_chunks = 8}, request) == LossStyle::chunked_logits);
}
