#include <array>
#include <vector>

#include "planner/step/op/linear.h"
#include "runtime/cupti_counters.h"
#include "runtime/gpu_counters.h"
#include "tests/gpu/gpu.h"
#include "tests/support/tiny_run.h"

namespace headroom::test {

namespace {

/// FLOPs of an op by the counters, two launches one after the other; empty: they are not readable.
std::vector<double> counted_twice(Backend& gpu, const Op& op, const Launch& launch, DType dtype) {
    gpu.launch(op, launch);
    gpu.synchronize();
    const CountersOpened opened = open_range_counters(0, name(dtype), 2);
    if (opened.counters == nullptr) {
        WARN("skipped: " << opened.missing);
        return {};
    }
    opened.counters->start();
    for (const auto* range : {"forward", "backward"}) {
        opened.counters->push(range);
        gpu.launch(op, launch);
        gpu.synchronize();
        opened.counters->pop();
    }
    std::vector<double> flops;
    for (const auto& range : opened.counters->stop()) {
        flops.push_back(flops_of(*opened.set, range));
    }
    CHECK(flops.size() == 2);
    return flops;
}

}  // namespace

TEST_CASE("CountersOfADenseProductAreTwoFlopsATerm") {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    constexpr std::int64_t kSize = 1024;
    const DType dtype = GENERATE(DType::bf16, DType::f16);
    OnDevice x(*gpu, {kSize, kSize}, dtype);
    OnDevice weight(*gpu, {kSize, kSize}, dtype);
    OnDevice y(*gpu, {kSize, kSize}, dtype);
    OnDevice workspace(*gpu, {32 * kMiB}, DType::u8);
    const std::array in{x.view(), weight.view()};
    const std::array out{y.view()};
    const Launch launch{.in = in, .out = out, .workspace = workspace.view()};
    for (const double flops : counted_twice(*gpu, Linear{}, launch, dtype)) {
        INFO(name(dtype));
        CHECK(flops == 2.0 * kSize * kSize * kSize);
    }
}

TEST_CASE("CountersOfALowRankProductAreThoseOfWholeTiles") {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    constexpr std::int64_t kRows = 1021;
    constexpr std::int64_t kColumns = 1000;
    const DType dtype = GENERATE(DType::bf16, DType::f16);
    const std::int64_t rank = GENERATE(8, 16, 40);
    OnDevice h(*gpu, {kRows, rank}, dtype);
    OnDevice weight(*gpu, {kColumns, rank}, dtype);
    OnDevice y(*gpu, {kRows, kColumns}, dtype);
    const std::array in{y.view(), h.view(), weight.view()};
    const std::array out{y.view()};
    (void)gpu->take_work();
    const auto counted = counted_twice(*gpu, LinearAdd{}, {.in = in, .out = out}, dtype);
    const WorkCounter work = gpu->take_work();  // of three launches
    for (const double flops : counted) {
        INFO(name(dtype) << " of rank " << rank);
        CHECK(3.0 * flops == static_cast<double>(work.matrix + work.padding));
    }
}

TEST_CASE("ACountedStepLeavesNothingBehindInThoseThatAreRecordedAfterIt") {
    if (gpu_or_skip() == nullptr) return;
    const DType dtype = GENERATE(DType::f32, DType::bf16, DType::f16);
    // Several micro-steps: one of the graphs is there before the counters are.
    PlanRequest request = tiny_request();
    request.train.compute = request.train.gradient = dtype;
    request.train.accumulation = 4;
    TinyRun plain(request, {}, {.learning_rate = 3e-3}, make_cuda_backend());
    TinyRun run(request, {.launches = Launches::recorded}, {.learning_rate = 3e-3},
                make_cuda_backend());
    auto losses = run.train(2);
    const CounterReading reading =
        read_counters(0, dtype, run.executor(), [&] { losses.push_back(run.train(1).front()); });
    for (const double loss : run.train(4)) losses.push_back(loss);
    CHECK(losses == plain.train(7));
    WARN(name(dtype) << ": " << reading.flops.count() << " FLOPs by " << reading.method);
}

}  // namespace headroom::test
