#include "planner/step/dump.h"

#include <set>

#include "tests/step/sample_graph.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

using Catch::Matchers::Contains;

SampleGraph sample() {
    SampleGraph build;
    build.layer = 2;
    const TensorId x = build.input({16, 64});
    const TensorId weight = build.parameter("weight", {32, 64});
    const TensorId y = build.one(Linear{.style = LinearStyle::column}, {x, weight}, "linear");
    const Attention attention{.shape = {.batch = 2, .head_dim = 32, .value_dim = 32}};
    build.one(attention, {y, y, y}, "attn.out");
    return build;
}

/// Digests of the sample after each edit, all different if every edit counts.
template <class... Edit>
std::size_t different_digests(Edit... edit) {
    std::set<std::string> digests{digest(sample().graph)};
    const auto add = [&](auto change) {
        auto graph = sample().graph;
        change(graph);
        digests.insert(digest(graph));
    };
    (add(edit), ...);
    return digests.size();
}

TEST_CASE("ADumpHasOneLineAnOp") {
    const auto text = dump(sample().graph);
    CHECK_THAT(text,
               Contains("0 forward linear style=1 f32_out=false | %0:layers.2.input.x(16, 64)bf16 "
                        "%1:layers.2.weight(32, 64)bf16 -> %3:layers.2.linear(16, 32)bf16\n"));
    CHECK_THAT(text, Contains("1 forward attention batch=2 head_dim=32 value_dim=32 causal=true "
                              "window=0 softcap=0 alibi=false scale=0 relative_bias=false "
                              "sinks=false |"));
    CHECK(std::count(text.begin(), text.end(), '\n') == 3);
}

TEST_CASE("ADumpPrintsEnumeratorsAndNumbersThatReadBack") {
    SampleGraph build;
    const TensorId x = build.input({16, 64});
    build.one(Cast{.to = DType::f16, .role = Role::communication}, {x}, "cast");
    build.one(Add{.scale = 0.1, .in_place = false}, {x, x}, "sum");
    const Collective op{
        .kind = CollectiveKind::all_gather, .axis = Axis::shard, .size = 4, .async = true};
    build.one(op, {x}, "whole");
    const auto text = dump(build.graph);
    CHECK_THAT(text, Contains("cast to=fp16 role=communication"));
    CHECK_THAT(text, Contains("add scale=0.1 in_place=false"));
    CHECK_THAT(text, Contains("kind=all_gather axis=shard size=4 async=true"));
}

TEST_CASE("EqualGraphsHaveEqualDigests") {
    const auto text = digest(sample().graph);
    CHECK(text.size() == 16);
    CHECK(text.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(text == digest(sample().graph));
    CHECK(digest(decoder({.layers = 3})) == digest(decoder({.layers = 3})));
}

TEST_CASE("TheDigestDoesNotDependOnTensorsThatNoOpUses") {
    auto build = sample();
    const auto before = digest(build.graph);
    build.transient("unused", {4});
    CHECK(digest(build.graph) == before);
    build.persistent("table", {4}, Role::optimizer);
    CHECK(digest(build.graph) != before);
}

TEST_CASE("AnyAttributeChangesTheDigest") {
    const auto linear = [](StepGraph& g) -> Linear& { return std::get<Linear>(g.ops[0].op); };
    const auto attention = [](StepGraph& g) -> Attention& {
        return std::get<Attention>(g.ops[1].op);
    };
    CHECK(different_digests([&](auto& g) { linear(g).style = LinearStyle::row; },
                            [&](auto& g) { linear(g).f32_out = true; },
                            [&](auto& g) { attention(g).sinks = true; },
                            [&](auto& g) { attention(g).relative_bias = true; },
                            [&](auto& g) { attention(g).shape.batch = 4; },
                            [&](auto& g) { attention(g).shape.head_dim = 16; },
                            [&](auto& g) { attention(g).shape.value_dim = 16; },
                            [&](auto& g) { attention(g).shape.causal = false; },
                            [&](auto& g) { attention(g).shape.window = 8; },
                            [&](auto& g) { attention(g).shape.softcap = 30.0; },
                            [&](auto& g) { attention(g).shape.softcap = 30.000001; },
                            [&](auto& g) { attention(g).shape.alibi = true; }) == 13);
}

TEST_CASE("AnyPropertyOfAnOperandChangesTheDigest") {
    CHECK(different_digests([](auto& g) { g.tensors[0].shape[0] = 17; },
                            [](auto& g) {
                                g.tensors[0].shape = {16, 64, 1};
                            },
                            [](auto& g) { g.tensors[0].dtype = DType::f16; },
                            [](auto& g) { g.tensors[0].role = Role::logits; },
                            [](auto& g) { g.tensors[0].place = Place::host; },
                            [](auto& g) { g.tensors[0].persistent = true; },
                            [](auto& g) { g.tensors[3].storage = TensorId{0}; },
                            [](auto& g) {
                                g.tensors[3].storage = TensorId{0};
                                g.tensors[3].offset = Bytes{512};
                            }) == 9);
}

TEST_CASE("AnythingAboutTheListChangesTheDigest") {
    CHECK(different_digests(
              [](auto& g) { g.micro_steps = 2; }, [](auto& g) { g.ops[1].phase = Phase::backward; },
              [](auto& g) { g.ops[1].when = When::last; },
              [](auto& g) { g.ops[1].recomputed = true; }, [](auto& g) { g.ops.pop_back(); },
              [](auto& g) { std::swap(g.ops[0], g.ops[1]); },
              [](auto& g) { g.inputs(g.ops[1])[0] = TensorId{0}; },
              [](auto& g) { g.ops[1].op = Softmax{}; }) == 9);
}

}  // namespace
}  // namespace headroom
