#include "planner/step/lifetime.h"

#include "tests/step/sample_graph.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

const Lifetime& life(const std::vector<Lifetime>& lives, TensorId id) {
    return lives[static_cast<std::size_t>(id.index)];
}

/// x -> a -> b, then a + b over b; a weight stays.
struct Chain {
    SampleGraph build{};
    TensorId weight = build.persistent("weight", {1024}, Role::parameter);
    TensorId x = build.input({1024}, DType::f32);
    TensorId a = build.one(Cast{.to = DType::bf16}, {x}, "a");
    TensorId b = build.one(Cast{.to = DType::bf16, .role = Role::workspace}, {x}, "b");
    TensorId sum = build.one(Add{}, {b, a}, "sum");
    TensorId out = build.one(Cast{.to = DType::f32}, {sum}, "out");
};

TEST_CASE("AStorageLivesFromItsFirstToItsLastOperand") {
    const Chain chain;
    const auto lives = lifetimes(chain.build.graph);
    CHECK((life(lives, chain.x).first == 0 && life(lives, chain.x).last == 1));
    CHECK((life(lives, chain.a).first == 0 && life(lives, chain.a).last == 2));
    CHECK((life(lives, chain.out).first == 3 && life(lives, chain.out).last == 3));
}

TEST_CASE("AViewProlongsItsStorageAndHasNoLifeOfItsOwn") {
    const Chain chain;
    const auto lives = lifetimes(chain.build.graph);
    CHECK((life(lives, chain.b).first == 1 && life(lives, chain.b).last == 3));
    CHECK(life(lives, chain.sum).first < 0);
}

TEST_CASE("APersistentStorageLivesThroughout") {
    const Chain chain;
    const auto lives = lifetimes(chain.build.graph);
    CHECK((life(lives, chain.weight).first == 0 && life(lives, chain.weight).last == 3));
}

TEST_CASE("ATensorThatNoOpTouchesNeverLives") {
    Chain chain;
    const TensorId unused = chain.build.transient("unused", {8});
    CHECK(life(lifetimes(chain.build.graph), unused).first < 0);
}

TEST_CASE("TheTimelineIsWhatOneAddsUpByHand") {
    const Chain chain;
    const auto& graph = chain.build.graph;
    const auto timeline = memory_timeline(graph, lifetimes(graph), Place::device);
    // weight 2048, x 4096, a 2048, b and sum 2048, out 4096.
    REQUIRE(timeline.at.size() == 4);
    CHECK(total(timeline.at[0]) == Bytes{2048 + 4096 + 2048});
    CHECK(total(timeline.at[1]) == Bytes{2048 + 4096 + 2048 + 2048});
    CHECK(total(timeline.at[2]) == Bytes{2048 + 2048 + 2048});
    CHECK(total(timeline.at[3]) == Bytes{2048 + 2048 + 4096});
    CHECK(timeline.at[1][static_cast<std::size_t>(Role::parameter)] == Bytes{2048});
    CHECK(timeline.at[1][static_cast<std::size_t>(Role::activation)] == Bytes{4096 + 2048});
    CHECK(timeline.at[1][static_cast<std::size_t>(Role::workspace)] == Bytes{2048});
}

TEST_CASE("ThePeakIsTheLargestTotalOfTheTimeline") {
    const Chain chain;
    const auto& graph = chain.build.graph;
    const auto lives = lifetimes(graph);
    for (const Peak& top :
         {peak(memory_timeline(graph, lives, Place::device)), peak(graph, lives, Place::device)}) {
        CHECK(top.total == Bytes{10240});
        CHECK(top.op == 1);
        CHECK(total(top.by_role) == top.total);
    }
    CHECK(peak(graph, lives, Place::host).total == Bytes{});
}

TEST_CASE("AStorageIsRoundedUpToTheAlignment") {
    Tensor tensor{};
    tensor.shape = {1};
    CHECK(storage_size(tensor) == Bytes{512});
    tensor.shape = {256};
    CHECK(storage_size(tensor) == Bytes{512});
    tensor.shape = {257};
    CHECK(storage_size(tensor) == Bytes{1024});
    tensor.dtype = DType::nf4;
    CHECK(storage_size(tensor) == Bytes{512});
}

TEST_CASE("KeptForBackwardIsWhatCrossesTheBoundary") {
    Chain chain;
    auto& graph = chain.build.graph;
    const auto kept = [&] {
        return total(kept_for_backward(graph, lifetimes(graph), Place::device));
    };
    CHECK(kept() == Bytes{});
    graph.ops[2].phase = Phase::backward;
    graph.ops[3].phase = Phase::backward;
    CHECK(kept() == Bytes{2048 + 2048});  // a and b, not x, out or the weight
}

TEST_CASE("ADecoderKeepsTheSameBytesForEveryLayer") {
    const auto kept = [](std::int32_t layers) {
        const auto graph = decoder({.layers = layers});
        return total(kept_for_backward(graph, lifetimes(graph), Place::device));
    };
    const Bytes one = kept(3) - kept(2);
    CHECK(one == kept(9) - kept(8));
    // Two sums, two normalised, q, context, k, v (heads / 4), gate, up, product, all bf16, and the
    // f32 statistics of two norms and of 32 heads.
    const std::int64_t tokens = 4096;
    const std::int64_t hidden = 4096;
    const std::int64_t wide = tokens * (6 * hidden + 2 * (hidden / 4) + 3 * 14336);
    CHECK(one == Bytes{2 * wide + 4 * tokens * (2 + 32)});
}

}  // namespace
}  // namespace headroom
