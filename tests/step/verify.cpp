#include "tests/step/check_refused.h"

namespace headroom {
namespace {

TEST_CASE("AStepFromTheTapeKeepsItsPromises") {
    CHECK_NOTHROW(verify(decoder({.layers = 3})));
    CHECK_NOTHROW(verify(StepGraph{}));
}

TEST_CASE("AValueReadBeforeItIsWrittenIsFound") {
    SampleGraph build;
    const TensorId x = build.transient("nowhere", {8, 4});
    build.one(Cast{}, {x}, "cast");
    check_refused(build, "op 0 cast (cast): reads nowhere before it is written");
}

TEST_CASE("AValueReadAfterAnInPlaceOpIsFound") {
    SampleGraph build;
    build.layer = 3;
    const TensorId a = build.one(Cast{}, {build.input({8, 4}, DType::f32)}, "residual");
    const TensorId b = build.input({8, 4}, DType::f32, "input.b");
    const TensorId sum = build.one(Add{}, {a, b}, "sum");
    build.one(Cast{}, {sum}, "good");
    verify(build.graph);
    build.one(Cast{}, {a}, "late");
    check_refused(build,
                  "op 3 cast (layers.3.late): reads layers.3.residual after op 1 add overwrote it");
}

TEST_CASE("AnInputOfTheStepThatIsOverwrittenIsGone") {
    SampleGraph build;
    const TensorId a = build.input({8, 4});
    const TensorId b = build.input({8, 4}, DType::bf16, "input.b");
    build.one(Add{}, {a, b}, "sum");
    build.one(Cast{}, {a}, "late");
    check_refused(build, "reads input.x after op 0 add overwrote it");
}

TEST_CASE("ColumnBlocksOfOneSplitAreApart") {
    SampleGraph build;
    const TensorId packed = build.input({8, 96});
    const auto parts = build.emit(SplitColumns{.a = 32, .b = 32, .c = 32}, {packed}, "qkv");
    const Rope rope{.head_dim = 32, .rotary = 32};
    const auto turned = build.emit(rope, {parts[0], parts[1]}, "rope");
    build.emit(JoinColumns{}, {turned[0], turned[1], parts[2]}, "join");
    CHECK_NOTHROW(verify(build.graph));

    SECTION("ButTheirSourceIsStale") {
        build.one(Cast{}, {packed}, "late");
        check_refused(build, "reads input.x after op 1 rope overwrote it");
    }
    SECTION("AndABlockItselfIsStale") {
        build.one(Cast{}, {parts[1]}, "late");
        check_refused(build, "reads qkv after op 1 rope overwrote it");
    }
    SECTION("AndABlockOfABlockIsStaleWithIt") {
        const auto half = build.emit(SplitColumns{.a = 16, .b = 16}, {turned[0]}, "half");
        build.emit(Rope{.head_dim = 16, .rotary = 16}, {half[0]}, "rope");
        build.one(Cast{}, {half[1]}, "fine");
        build.one(Cast{}, {turned[1]}, "fine");
        CHECK_NOTHROW(verify(build.graph));
        build.one(Cast{}, {turned[0]}, "late");
        check_refused(build, "after op 4 rope overwrote it");
    }
}

TEST_CASE("APureViewLeavesItsSourceReadableUntilEitherIsOverwritten") {
    SampleGraph build;
    const TensorId x = build.input({8, 4});
    const TensorId copy = build.one(CopyToGroup{.size = 2}, {x}, "copy");
    build.one(Cast{}, {x}, "fine");
    const TensorId sum = build.one(Accumulate{}, {copy, x}, "sum");
    CHECK_NOTHROW(verify(build.graph));
    SECTION("source") {
        build.one(Cast{}, {x}, "late");
        check_refused(build, "reads input.x after op 2 accumulate");
    }
    SECTION("view") {
        build.one(Cast{}, {copy}, "late");
        check_refused(build, "reads copy after op 2 accumulate");
    }
    SECTION("the new value is fine") {
        build.one(Cast{}, {sum}, "fine");
        CHECK_NOTHROW(verify(build.graph));
    }
}

TEST_CASE("GradientsOfParametersFillTheirUnit") {
    SampleGraph build;
    const TensorId unit = build.transient("unit", {64}, DType::f32);
    const TensorId weight = build.parameter("weight", {4, 8});
    const TensorId gradient = build.view(unit, {4, 8}, Bytes{0});
    const TensorId rest = build.view(unit, {32}, Bytes{128});
    build.graph[weight].parameter.gradient = gradient;
    const TensorId x = build.input({2, 8});
    const TensorId dy = build.input({2, 4}, DType::bf16, "input.dy");
    build.put(LinearGradWeight{}, {x, dy}, {gradient});
    build.put(LinearGradWeight{.accumulation = Accumulation::add}, {x, dy}, {gradient});
    build.put(BiasGrad{}, {x}, {rest});
    const TensorId sums = build.persistent("sums", {2}, Role::optimizer, DType::f32);
    build.one(GradNorm{}, {unit, sums}, "norm");
    build.put(Update{}, {weight, unit, sums}, {weight});
    CHECK_NOTHROW(verify(build.graph));
}

TEST_CASE("AnOutputThatDiffersFromItsDeclarationIsFound") {
    SampleGraph build;
    const TensorId x = build.input({8, 4});
    SECTION("shape") {
        build.put(Cast{}, {x}, {build.transient("y", {8, 5}, DType::f32)});
        check_refused(build, "y is (8, 5) fp32, declared (8, 4) fp32");
    }
    SECTION("dtype") {
        build.put(Cast{}, {x}, {build.transient("y", {8, 4}, DType::bf16)});
        check_refused(build, "y is (8, 4) bf16, declared (8, 4) fp32");
    }
    SECTION("count") {
        build.put(Cast{}, {x}, {});
        check_refused(build, "has 0 outputs and declares 1");
    }
    SECTION("bytes") {
        const TensorId b = build.input({8, 4}, DType::bf16, "input.b");
        build.put(Add{}, {x, b}, {build.transient("y", {8, 4})});
        check_refused(build, "y must lie over input.x");
    }
}

TEST_CASE("AViewBeyondItsStorageIsFound") {
    SampleGraph build;
    const TensorId x = build.input({8, 4});
    SECTION("bytes") {
        build.view(x, {4}, Bytes{60});
        check_refused(build, "ends at byte 68 of a storage of 64");
    }
    SECTION("a view of a view") {
        const TensorId part = build.view(x, {4}, Bytes{0});
        build.view(part, {2}, Bytes{0});
        check_refused(build, "its storage is a view");
    }
}

TEST_CASE("AnOpThatComputesOffTheDeviceIsFound") {
    SampleGraph build;
    const TensorId x = build.input({8, 4});
    const TensorId host = build.transient("away", {8, 4}, DType::bf16, Place::host);
    build.put(Transfer{}, {x}, {host});
    build.put(Wait{}, {x, host}, {});
    CHECK_NOTHROW(verify(build.graph));
    build.one(Cast{}, {host}, "cast");
    check_refused(build, "op 2 cast (cast): away is not on the device");
}

TEST_CASE("TheOptimizerMayRunOnTheHost") {
    SampleGraph build;
    const TensorId weight = build.persistent("weight", {8}, Role::parameter, DType::f32);
    const TensorId gradient = build.persistent("gradient", {8}, Role::gradient, DType::f32);
    const TensorId sums = build.persistent("sums", {2}, Role::optimizer, DType::f32);
    for (const auto id : {weight, gradient, sums}) build.graph[id].place = Place::host;
    build.put(Update{.place = Place::host}, {weight, gradient, sums}, {weight});
    CHECK_NOTHROW(verify(build.graph));
    build.put(Update{.place = Place::device}, {weight, gradient, sums}, {weight});
    check_refused(build, "op 1 update (weight): weight is not on the device");
}

}  // namespace
}  // namespace headroom
