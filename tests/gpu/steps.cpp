#include <cmath>

#include "tests/gpu/gpu.h"
#include "tests/support/step_recipes.h"

// Whole training steps on the GPU: the same losses as on the CPU, the same bits however memory is
// laid out and whether kernels are launched one by one or replayed.

namespace headroom::test {
namespace {

constexpr int kSteps = 5;

struct Outcome {
    std::vector<double> losses{};
    std::vector<float> parameters{};
    Bytes peak{};
};

/// The recipes that a GPU runs: it reaches no drives.
std::vector<PlanRequest> gpu_recipes() {
    auto list = recipes();
    std::erase_if(list, [](const PlanRequest& r) {
        return r.offload.optimizer == Tier::nvme || r.offload.parameters == Tier::nvme;
    });
    return list;
}

Outcome on_gpu(const PlanRequest& request, const ExecutorOptions& options) {
    TinyRun run(request, options, {.learning_rate = 3e-3}, make_cuda_backend());
    Outcome out{.losses = run.train(kSteps)};
    out.parameters = run.parameters();
    out.peak = run.executor().arena().high_water(Place::device).total;
    return out;
}

}  // namespace

TEST_CASE("GpuStepsTrainAsTheCpuDoes") {
    if (gpu_or_skip() == nullptr) return;
    for (const auto& request : gpu_recipes()) {
        INFO(differing(request));
        TinyRun cpu(request, {}, {.learning_rate = 3e-3});
        const auto expected = cpu.train(kSteps);
        const Outcome found = on_gpu(request, {.poison = Poison::on});
        // Storage dtypes round alike; sums are taken in another order.
        const double tolerance = request.train.compute == DType::f32 ? 2e-4 : 2e-2;
        for (int i = 0; i < kSteps; ++i) {
            const auto at = static_cast<std::size_t>(i);
            CHECK(std::abs(found.losses[at] - expected[at]) <= tolerance * expected[at]);
        }
        CHECK(found.peak == cpu.executor().arena().high_water(Place::device).total);
    }
}

TEST_CASE("GpuStepsAreTheSameBitsLaunchedRecordedAndApart") {
    if (gpu_or_skip() == nullptr) return;
    for (const auto& request : gpu_recipes()) {
        INFO(differing(request));
        const Outcome launched = on_gpu(request, {});
        const Outcome recorded = on_gpu(request, {.launches = Launches::recorded});
        const Outcome apart = on_gpu(request, {.policy = MemoryPolicy::per_tensor});
        CHECK(launched.losses == recorded.losses);
        CHECK(launched.parameters == recorded.parameters);
        CHECK(launched.losses == apart.losses);
        CHECK(launched.parameters == apart.parameters);
        CHECK(launched.peak == recorded.peak);
    }
}

}  // namespace headroom::test
