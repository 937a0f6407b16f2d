#include <set>
#include <variant>

#include "tests/step/op_rows.h"
#include "tests/step/sample_graph.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

/// The row's op as the only one of a graph.
StepGraph graph_of(const OpRow& row) {
    SampleGraph build;
    std::vector<TensorId> in;
    for (const auto& spec : row.in) in.push_back(build.input(spec.shape, spec.dtype));
    const Emitted made = build.graph.emit(row.op, in, {"out"}, Phase::forward);
    std::vector<TensorId> out(made.begin(), made.end());
    for (const auto& spec : row.extra) out.push_back(build.input(spec.shape, spec.dtype));
    build.graph.ops.back() = build.graph.make(row.op, in, out);
    return std::move(build.graph);
}

constexpr TensorSpec bf16(Shape shape) { return {shape, DType::bf16}; }
constexpr TensorSpec i32(Shape shape) { return {shape, DType::i32}; }

TEST_CASE("EveryOpHasARow") {
    std::set<std::size_t> seen;
    for (const auto& row : op_rows()) seen.insert(row.op.index());
    CHECK(seen.size() == std::variant_size_v<Op>);
}

TEST_CASE("AnOpDeclaresItsOutputs") {
    for (const auto& row : op_rows()) {
        INFO(name(row.op));
        const auto graph = graph_of(row);
        const auto out = graph.outputs(graph.ops[0]);
        REQUIRE(out.size() == row.declared.size() + row.extra.size());
        for (std::size_t i = 0; i < row.declared.size(); ++i) {
            CHECK(to_string(graph[out[i]].shape) == to_string(row.declared[i]));
        }
    }
}

TEST_CASE("MatrixWorkIsWhatOneCountsByHand") {
    for (const auto& row : op_rows()) {
        INFO(name(row.op));
        const auto graph = graph_of(row);
        const Work done = work(graph, graph.ops[0]);
        CHECK(done.model.count() == row.model);
        CHECK(done.matrix.count() == row.matrix);
        CHECK(done.vector.count() >= 0.0);
        CHECK(done.moved >= Bytes{});
    }
}

TEST_CASE("RecomputedWorkIsNoPartOfTheMathematics") {
    auto graph = graph_of({.op = Linear{}, .in = {bf16({8, 16}), bf16({32, 16})}});
    graph.ops[0].recomputed = true;
    const Work done = work(graph, graph.ops[0]);
    CHECK(done.model == Flops{});
    CHECK(done.matrix == Flops{2.0 * 8 * 16 * 32});
}

TEST_CASE("AnOpMovesItsOperandsUnlessItSaysOtherwise") {
    const auto moved = [](const OpRow& row) {
        const auto graph = graph_of(row);
        return work(graph, graph.ops[0]).moved;
    };
    const TensorSpec x = bf16({8, 16});
    CHECK(moved({.op = Linear{}, .in = {x, bf16({32, 16})}}) == Bytes{256 + 1024 + 512});
    CHECK(moved({.op = Wait{}, .in = {x}}) == Bytes{});
    CHECK(moved({.op = SplitColumns{.a = 8, .b = 8}, .in = {x}}) == Bytes{});
    // One row a token is read, not the table.
    CHECK(moved({.op = Embedding{}, .in = {i32({8}), bf16({1000, 16})}}) == Bytes{32 + 512});
}

}  // namespace
}  // namespace headroom
