#include "tests/step/check_refused.h"

namespace headroom {
namespace {

/// x gathered asynchronously into `whole`.
struct Gather {
    SampleGraph build{};
    TensorId x = build.input({8, 4});
    TensorId whole = build.one(
        Collective{.kind = CollectiveKind::all_gather, .size = 2, .async = true}, {x}, "whole");
};

TEST_CASE("AnAsynchronousResultIsReadOnlyAfterAWait") {
    Gather gather;
    auto& [build, x, whole] = gather;
    SECTION("waited for") {
        build.put(Wait{}, {x, whole}, {});
        build.one(Cast{}, {whole}, "cast");
        CHECK_NOTHROW(verify(build.graph));
    }
    SECTION("not waited for") {
        build.one(Cast{}, {whole}, "cast");
        check_refused(build, "op 1 cast (cast): reads whole without a wait for op 0 collective");
    }
    SECTION("a view of it") {
        const TensorId part = build.view(whole, {8, 4}, Bytes{0});
        build.one(Cast{}, {part}, "cast");
        check_refused(build, "without a wait for op 0 collective");
    }
    SECTION("never waited for") {
        build.one(Cast{}, {x}, "cast");
        check_refused(build, "op 0 collective (whole): is never waited for");
    }
    SECTION("its input may be read meanwhile") {
        build.one(Cast{}, {x}, "cast");
        build.put(Wait{}, {x, whole}, {});
        CHECK_NOTHROW(verify(build.graph));
    }
    SECTION("its input may not be overwritten meanwhile") {
        const TensorId b = build.input({8, 4}, DType::bf16, "input.b");
        build.one(Add{}, {x, b}, "sum");
        build.put(Wait{}, {x, whole}, {});
        check_refused(build, "op 1 add (sum): overwrites sum without a wait for op 0 collective");
    }
    SECTION("its input must stay alive until the wait") {
        build.put(Wait{}, {whole}, {});
        check_refused(build, "op 0 collective (whole): input.x may be freed before op 1 wait");
    }
}

TEST_CASE("AWaitForTheEndOfAChainWaitsForTheWholeChain") {
    SampleGraph build;
    const TensorId kept = build.persistent("kept", {8, 4}, Role::parameter);
    build.graph[kept].place = Place::host;
    const TensorId near = build.transient("near", {8, 4});
    build.put(Transfer{.to = Place::device, .from = Place::host}, {kept}, {near});
    const Collective gather{.kind = CollectiveKind::all_gather, .size = 2, .async = true};
    const TensorId whole = build.one(gather, {near}, "whole");
    build.put(Wait{}, {whole, near}, {});
    build.one(Cast{}, {whole}, "cast");
    CHECK_NOTHROW(verify(build.graph));
}

TEST_CASE("BucketsOfOneStorageAreReducedOneByOne") {
    SampleGraph build;
    const TensorId unit = build.transient("unit", {64}, DType::f32);
    const TensorId first = build.view(unit, {32}, Bytes{0});
    const TensorId second = build.view(unit, {32}, Bytes{128});
    const TensorId x = build.input({2, 32});
    build.put(BiasGrad{}, {x}, {first});
    const Collective sum{.size = 2, .async = true};
    const TensorId summed = build.one(sum, {first}, "sum");
    SECTION("another part may be written meanwhile") {
        build.put(BiasGrad{}, {x}, {second});
        build.put(Wait{}, {summed}, {});
        CHECK_NOTHROW(verify(build.graph));
    }
    SECTION("the same part may not") {
        build.put(BiasGrad{}, {x}, {first});
        build.put(Wait{}, {summed}, {});
        check_refused(build, "op 2 bias_grad (unit): overwrites unit without a wait for op 1");
    }
}

}  // namespace
}  // namespace headroom
