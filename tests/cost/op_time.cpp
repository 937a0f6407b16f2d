#include "planner/cost/op_time.h"

#include "planner/base/error.h"
#include "tests/cost/machine.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

TensorId matrix(StepGraph& graph, std::int64_t rows, std::int64_t columns,
                DType dtype = DType::bf16) {
    Tensor tensor{};
    tensor.shape = {rows, columns};
    tensor.dtype = dtype;
    return graph.add(tensor);
}

/// y (n, n) = x (n, k) * W (n, k)^T, timed.
OpTime product(const HardwareProfile& gpu, std::int64_t n, std::int64_t k,
               DType dtype = DType::bf16) {
    StepGraph graph;
    const TensorId x = matrix(graph, n, k, dtype);
    const TensorId w = matrix(graph, n, k, dtype);
    graph.emit(Linear{}, std::array{x, w}, {}, Phase::forward);
    return TimeModel(gpu, {}).time(graph, graph.ops.back());
}

double efficiency(const HardwareProfile& gpu, std::int64_t n) {
    const auto side = static_cast<double>(n);
    return 2.0 * side * side * side / (product(gpu, n, n).time.count() * 1e15);
}

TEST_CASE("LargeProductReachesTheFraction") {
    auto gpu = round_machine();
    gpu.gemm_fraction = 0.8;
    CHECK(efficiency(gpu, 65536) == Approx(0.8).epsilon(0.001));
    CHECK(product(gpu, 65536, 65536).bound == Bound::matrix);
}

TEST_CASE("EfficiencyOfAProductGrowsWithItsOutput") {
    const auto gpu = round_machine();
    double last = 0.0;
    for (std::int64_t n = 2048; n <= 65536; n *= 2) {
        const double now = efficiency(gpu, n);
        CHECK(now > last);
        last = now;
    }
    // 64 tiles of output are half a machine: half the rate. Sums of four times as many terms are
    // split into four parts: 256 tiles.
    auto bound = gpu;
    bound.memory_bandwidth = 1000.0 * gpu.memory_bandwidth;
    bound.launch_latency = {};
    CHECK(product(bound, 1024, 4096).time.count() ==
          Approx(2.0 * 2.0 * 1024.0 * 1024.0 * 4096.0 / 1e15));
    CHECK(product(bound, 1024, 16384).time.count() ==
          Approx(2.0 * 1024.0 * 1024.0 * 16384.0 / (0.8 * 1e15)));
}

TEST_CASE("TilesOnTheDiagonalOfAttentionAreComputedAsAWhole") {
    auto gpu = round_machine();
    gpu.attention_fraction = 0.5;
    const auto time_of = [&](bool causal, std::int64_t tokens) {
        StepGraph graph;
        const TensorId q = matrix(graph, tokens, 4096);
        const Attention op{.shape = {.head_dim = 128, .value_dim = 128, .causal = causal}};
        graph.emit(op, std::array{q, q, q}, {}, Phase::forward);
        const double flops = work(graph, graph.ops.back()).matrix.count();
        return TimeModel(gpu, {}).time(graph, graph.ops.back()).time.count() / flops;
    };
    CHECK(time_of(true, 4096) / time_of(false, 4096) == Approx(1.0 + 128.0 / 4096.0).epsilon(0.01));
}

TEST_CASE("ThinProductIsBoundByMemory") {
    StepGraph graph;
    const TensorId x = matrix(graph, 16384, 4096);
    const TensorId a = matrix(graph, 16, 4096);
    graph.emit(Linear{}, std::array{x, a}, {}, Phase::forward);
    const OpTime time = TimeModel(round_machine(), {}).time(graph, graph.ops.back());
    CHECK(time.bound == Bound::memory);
    CHECK(time.time.count() == Approx((16384.0 * 4112 + 16.0 * 4096) * 2.0 / 1e12));
}

TEST_CASE("TinyKernelCostsItsLaunch") {
    auto gpu = round_machine();
    gpu.launch_latency = Seconds{4e-6};
    StepGraph graph;
    const TensorId a = floats(graph, 100);
    place(graph, Add{}, std::array{a, a}, std::array{a});
    const OpTime time = TimeModel(gpu, {}).time(graph, graph.ops.back());
    CHECK(time.bound == Bound::latency);
    CHECK(time.time.count() == Approx(4e-6).epsilon(0.01));
}

TEST_CASE("ViewCostsNothing") {
    auto gpu = round_machine();
    gpu.launch_latency = Seconds{4e-6};
    StepGraph graph;
    const TensorId x = matrix(graph, 16, 16);
    graph.emit(CopyToGroup{}, std::array{x}, {}, Phase::forward);
    CHECK(TimeModel(gpu, {}).time(graph, graph.ops.back()).time == Seconds{});
}

TEST_CASE("UnsupportedDtypeIsNamed") {
    CHECK_THROWS_WITH(product(round_machine(), 1024, 1024, DType::f8),
                      Catch::Matchers::Contains("round") && Catch::Matchers::Contains("fp8"));
}

OpTime transfer(Place from, Place to, const HardwareProfile& gpu = round_machine()) {
    StepGraph graph;
    const TensorId x = floats(graph, 250'000'000, from);
    const TensorId y = floats(graph, 250'000'000, to);
    place(graph, Transfer{.to = to, .from = from}, std::array{x}, std::array{y});
    return TimeModel(gpu, one_node()).time(graph, graph.ops.back());
}

TEST_CASE("CopiesRunAtTheRateOfTheirSlowestLeg") {
    CHECK(milliseconds(transfer(Place::device, Place::host).time) == Approx(100.0));
    CHECK(transfer(Place::device, Place::host).stream == Stream::copy_out);
    CHECK(transfer(Place::host, Place::device).stream == Stream::copy_in);
    // A gigabyte a second of the node's drives falls to each of 8 GPUs; half that for writing.
    CHECK(milliseconds(transfer(Place::nvme, Place::host).time) == Approx(1000.0));
    CHECK(milliseconds(transfer(Place::host, Place::nvme).time) == Approx(2000.0));
}

TEST_CASE("NodeWithoutDrivesCannotBeCopiedTo") {
    auto gpu = round_machine();
    gpu.node.nvme_write = Bandwidth{};
    CHECK_THROWS_AS(transfer(Place::host, Place::nvme, gpu), InputError);
}

TEST_CASE("HostUpdateIsBoundByHostMemory") {
    StepGraph graph;
    const TensorId weights = floats(graph, 1'000'000, Place::host);
    const TensorId gradient = floats(graph, 1'000'000, Place::host);
    const TensorId sums = floats(graph, 2, Place::host);
    place(graph, Update{.place = Place::host}, std::array{weights, gradient, sums},
          std::array{weights}, Phase::update);
    const Bytes moved = work(graph, graph.ops.back()).moved;
    const OpTime time = TimeModel(round_machine(), {}).time(graph, graph.ops.back());
    CHECK(time.stream == Stream::host);
    CHECK(time.bound == Bound::host);
    CHECK(time.time == moved / kHostBandwidthPerGpu);
}

}  // namespace
}  // namespace headroom
