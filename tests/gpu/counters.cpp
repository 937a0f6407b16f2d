#include <array>

#include "planner/step/op/linear.h"
#include "runtime/cupti_counters.h"
#include "tests/gpu/gpu.h"

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

}  // namespace headroom::test
