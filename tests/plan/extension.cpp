#include "planner/plan/stage_profile.h"
#include "planner/spec/hardware_profile.h"
#include "tests/support/catch.h"
#include "tests/support/recipes.h"

using namespace headroom;
using namespace headroom::test;

namespace {

void check_equal(const StageProfile& fast, const StageProfile& whole) {
    CHECK(fast.device.total == whole.device.total);
    CHECK(total(fast.kept) == total(whole.kept));
    CHECK(total(fast.persistent) == total(whole.persistent));
    CHECK(fast.host.total == whole.host.total);
    CHECK(fast.host_kept == whole.host_kept);
    CHECK(fast.nvme == whole.nvme);
    CHECK(fast.ops == whole.ops);
    const Work a = fast.cost.total_work();
    const Work b = whole.cost.total_work();
    CHECK(a.model == b.model);
    CHECK(a.matrix == b.matrix);
    CHECK(a.moved == b.moved);
    // Times are sums of rounded doubles in another order.
    CHECK(fast.cost.step.count() == Approx(whole.cost.step.count()).epsilon(1e-6));
}

}  // namespace

TEST_CASE("ExtensionInLayersEqualsTheWholeGraph") {
    const auto catalog = HardwareCatalog::load(HEADROOM_PROFILES);
    const auto gpu = catalog.gpu("h100-sxm5-80gb", "");
    Recipes recipes(7);
    for (int i = 0; i < 400; ++i) {
        PlanRequest request = recipes.next();
        request.hardware.profile = gpu;
        INFO(i << " " << to_json(request).dump());
        const TimeModel model(gpu, request.layout);
        const std::int64_t stage = request.layout.pipeline - 1;
        const Stage layers = stage_of(request, stage);
        std::optional<Lowering> lowered;
        CHECK_NOTHROW(lowered.emplace(lower(request, layers)));
        if (!lowered) continue;
        const Lowering& lowering = *lowered;
        check_equal(extended_profile(request, layers, model), profile_graph(lowering, model));
    }
}
