#include <array>

#include "planner/step/op/linear.h"
#include "runtime/cupti_counters.h"
#include "runtime/gpu_counters.h"
#include "tests/gpu/gpu.h"
#include "tests/support/tiny_run.h"

namespace headroom::test {

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
    gpu->launch(Linear{}, launch);
    gpu->synchronize();
    const CountersOpened opened = open_range_counters(0, name(dtype), 2);
    if (opened.counters == nullptr) {
        WARN("skipped: " << opened.missing);
        return;
    }
    opened.counters->start();
    for (const auto* range : {"forward", "backward"}) {
        opened.counters->push(range);
        gpu->launch(Linear{}, launch);
        gpu->synchronize();
        opened.counters->pop();
    }
    const auto ranges = opened.counters->stop();
    REQUIRE(ranges.size() == 2);
    for (const auto& range : ranges) {
        INFO(name(dtype) << " " << range.range);
        CHECK(flops_of(*opened.set, range) == 2.0 * kSize * kSize * kSize);
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
