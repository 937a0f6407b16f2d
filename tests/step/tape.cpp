#include "planner/step/tape.h"

#include "planner/step/verify.h"
#include "tests/step/sample_graph.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

/// Linear, norm, linear and a loss over (N = 8, C = 16, V = 32).
struct Stack {
    explicit Stack(bool first_trains = true, std::int64_t micro_steps = 1) {
        build.graph.micro_steps = micro_steps;
        x = build.input({8, 16});
        targets = build.input({8}, DType::i32, "input.targets");
        first = build.parameter("first", {16, 16}, first_trains);
        gamma = build.parameter("gamma", {16});
        head = build.parameter("head", {32, 16});
        hidden = build.one(Linear{}, {x, first}, "hidden");
        normed = build.one(Norm{}, {hidden, gamma}, "normed");
        logits = build.one(Linear{}, {normed, head}, "logits");
        build.one(CrossEntropy{}, {logits, targets}, "loss");
        Tape(build.graph).run();
    }
    [[nodiscard]] std::vector<std::string> backward() const {
        std::vector<std::string> names;
        for (const auto& node : build.graph.ops) {
            if (node.phase == Phase::backward) names.emplace_back(name(node.op));
        }
        return names;
    }
    [[nodiscard]] const OpNode& op(std::string_view op_name, std::size_t nth = 0) const {
        return build.graph.ops.at(static_cast<std::size_t>(find_op(build.graph, op_name, nth)));
    }

    SampleGraph build{};
    TensorId x{}, targets{}, first{}, gamma{}, head{}, hidden{}, normed{}, logits{};
};

TEST_CASE("TheBackwardPassMirrorsTheForwardPass") {
    const Stack stack;
    CHECK(stack.backward() == std::vector<std::string>{"cross_entropy_grad", "linear_grad_weight",
                                                       "linear_grad_input", "norm_grad",
                                                       "linear_grad_weight"});
    CHECK_NOTHROW(verify(stack.build.graph));
}

TEST_CASE("AFrozenParameterHasNoGradientAndStopsThePassBelow") {
    const Stack stack(false);
    CHECK(stack.backward() == std::vector<std::string>{"cross_entropy_grad", "linear_grad_weight",
                                                       "linear_grad_input", "norm_grad"});
}

TEST_CASE("AWeightGradientIsWrittenIntoItsTarget") {
    const Stack stack;
    const auto& graph = stack.build.graph;
    const auto& node = stack.op("linear_grad_weight", 1);
    REQUIRE(graph.outputs(node).size() == 1);
    CHECK(graph.outputs(node)[0] == graph[stack.first].parameter.gradient);
    CHECK(graph.inputs(node)[0] == stack.x);
    CHECK(std::get<LinearGradWeight>(node.op).accumulation == Accumulation::overwrite);
}

TEST_CASE("ANormWritesItsPartialsAndItsGain") {
    const Stack stack;
    const auto& graph = stack.build.graph;
    const auto out = graph.outputs(stack.op("norm_grad"));
    REQUIRE(out.size() == 3);
    CHECK(graph[out[0]].storage == graph[graph.inputs(stack.op("norm_grad"))[0]].storage);
    CHECK(graph[out[1]].role == Role::workspace);
    CHECK(out[2] == graph[stack.gamma].parameter.gradient);
}

TEST_CASE("TheGradientOfTheLogitsLiesOverThem") {
    const Stack stack;
    const auto& graph = stack.build.graph;
    CHECK(graph.storage(graph.outputs(stack.op("cross_entropy_grad"))[0]) == stack.logits);
}

TEST_CASE("WithSeveralMicroStepsTheFirstOverwritesAndTheOthersAdd") {
    const Stack stack(true, 4);
    CHECK(std::get<LinearGradWeight>(stack.op("linear_grad_weight").op).accumulation ==
          Accumulation::add_after_first);
}

TEST_CASE("AParameterReadTwiceAddsItsSecondGradient") {
    SampleGraph build;
    const TensorId x = build.input({8, 16});
    const TensorId targets = build.input({8}, DType::i32, "input.targets");
    const TensorId weight = build.parameter("weight", {16, 16});
    const TensorId once = build.one(Linear{}, {x, weight}, "once");
    const TensorId twice = build.one(Linear{}, {once, weight}, "twice");
    build.one(CrossEntropy{}, {twice, targets}, "loss");
    Tape(build.graph).run();
    std::vector<Accumulation> seen;
    for (const auto& node : build.graph.ops) {
        if (const auto* op = std::get_if<LinearGradWeight>(&node.op)) {
            seen.push_back(op->accumulation);
        }
    }
    CHECK(seen == std::vector{Accumulation::overwrite, Accumulation::add});
    CHECK_NOTHROW(verify(build.graph));
}

TEST_CASE("AValueReadTwiceSumsItsGradientsInTheSecondProduct") {
    SampleGraph build;
    const TensorId x = build.input({8, 16});
    const TensorId targets = build.input({8}, DType::i32, "input.targets");
    const TensorId hidden = build.one(Linear{}, {x, build.parameter("in", {16, 16})}, "hidden");
    const TensorId gate = build.one(Linear{}, {hidden, build.parameter("gate", {16, 16})}, "gate");
    const TensorId up = build.one(Linear{}, {hidden, build.parameter("up", {16, 16})}, "up");
    const TensorId act = build.one(Activate{.gated = true}, {gate, up}, "act");
    build.one(CrossEntropy{}, {act, targets}, "loss");
    Tape(build.graph).run();
    const auto& graph = build.graph;
    const auto first = static_cast<std::size_t>(find_op(graph, "linear_grad_input", 0));
    const auto second = static_cast<std::size_t>(find_op(graph, "linear_grad_input", 1));
    CHECK(graph.inputs(graph.ops[first]).size() == 2);
    REQUIRE(graph.inputs(graph.ops[second]).size() == 3);
    CHECK(graph.inputs(graph.ops[second])[2] == graph.outputs(graph.ops[first])[0]);
    CHECK(find_op(graph, "accumulate") < 0);
    CHECK_NOTHROW(verify(graph));
}

TEST_CASE("TheResidualGradientIsAddedInTheNormItPasses") {
    const auto graph = decoder({.layers = 2});
    std::size_t with_sum = 0;
    for (const auto& node : graph.ops) {
        if (const auto* op = std::get_if<NormGrad>(&node.op)) with_sum += op->with_sum ? 1 : 0;
    }
    CHECK(with_sum == 4);  // every norm but the last, which nothing bypasses
    CHECK(find_op(graph, "accumulate") < 0);
}

TEST_CASE("BackwardOpsCarryTheLayerOfTheirForwardOp") {
    const auto graph = decoder({.layers = 2});
    for (const auto& node : graph.ops) {
        if (name(node.op) == "attention_grad" || name(node.op) == "activate_grad") {
            CHECK((node.layer == 0 || node.layer == 1));
        }
        if (name(node.op) == "cross_entropy_grad") CHECK(node.layer == -1);
    }
}

TEST_CASE("TheBackwardPassCostsTwiceTheForwardPass") {
    // Each linear layer has two products backwards; so has each product of the attention.
    const auto graph = decoder({.layers = 2});
    std::array<Flops, 3> model{};
    std::array<Flops, 3> matrix{};
    for (const auto& node : graph.ops) {
        const Work done = work(graph, node);
        model[static_cast<std::size_t>(node.phase)] += done.model;
        matrix[static_cast<std::size_t>(node.phase)] += done.matrix;
    }
    CHECK(model[1].count() == Approx(2.0 * model[0].count()));
    // The field counts half of the score square; a kernel computes the diagonal whole.
    Flops diagonal{};
    for (const auto& node : graph.ops) {
        if (!std::holds_alternative<Attention>(node.op)) continue;
        const Work done = work(graph, node);
        const auto tokens = static_cast<double>(graph[graph.inputs(node)[0]].shape[0]) /
                            static_cast<double>(std::get<Attention>(node.op).shape.batch);
        CHECK(done.matrix.count() == Approx(done.model.count() * (tokens + 1.0) / tokens));
        diagonal += done.matrix - done.model;
    }
    CHECK(diagonal > Flops{});
    CHECK(matrix[0].count() == Approx((model[0] + diagonal).count()));
    CHECK(matrix[1] > model[1]);  // the fused attention computes its scores again
}

}  // namespace
}  // namespace headroom
