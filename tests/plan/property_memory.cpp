#include <algorithm>
#include <optional>

#include "planner/base/json.h"
#include "planner/lower/lower.h"
#include "planner/spec/names.h"
#include "planner/step/lifetime.h"
#include "tests/support/catch.h"
#include "tests/support/recipes.h"

// What every technique promises about memory, over random recipes that combine it with the others.

using namespace headroom;
using namespace headroom::test;

namespace {

constexpr int kMemoryRecipes = 150;

/// Device bytes of the rank with the head.
struct Need {
    Bytes peak{};
    RoleBytes persistent{};
    Bytes gradient{};  ///< persistent, without what alignment adds

    [[nodiscard]] Bytes states() const {
        return persistent[0] + persistent[1] + persistent[2] + persistent[3];
    }
};

Need need(const PlanRequest& request) {
    const Lowering lowering = lower(request, stage_of(request, request.layout.pipeline - 1), false);
    const StepGraph& graph = lowering.graph;
    Need out{.peak = peak(graph, lifetimes(graph), Place::device).total};
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        const bool root = tensor.storage.index == static_cast<std::int32_t>(i);
        if (!root || !tensor.persistent || tensor.place != Place::device) continue;
        out.persistent[static_cast<std::size_t>(tensor.role)] += storage_size(tensor);
        if (tensor.role == Role::gradient) out.gradient += bytes(tensor);
    }
    return out;
}

/// The residual stream between two layers.
Bytes stream_of(const PlanRequest& request) {
    const auto& train = request.train;
    const auto tokens = train.micro_batch * train.sequence / request.layout.context;
    return Bytes{bytes_of(tokens * request.model.hidden, train.compute)};
}

/// Calls check(recipe) for random recipes.
template <class Check>
void for_recipes(unsigned seed, Check check) {
    Recipes recipes(seed);
    for (int i = 0; i < kMemoryRecipes; ++i) {
        const PlanRequest request = recipes.next();
        Json document = to_json(request);
        document.erase("hardware");
        INFO(i << " " << document.dump());
        check(request);
    }
}

}  // namespace

TEST_CASE("RecomputationOfALayerNeverRaisesThePeak") {
    for_recipes(1, [](PlanRequest request) {
        request.recompute.mode = RecomputeMode::none;
        const Bytes plain = need(request).peak;
        request.recompute.mode = RecomputeMode::layer;
        CHECK(need(request).peak.count() <= plain.count());
        // With offloaded activations, what is computed again lies beside what comes back for the
        // layer before: one value that was itself in host memory until then.
        request.recompute.mode = RecomputeMode::selective;
        const bool comes_back = request.offload.activations;
        const Bytes beside = comes_back ? stream_of(request) : Bytes{};
        CHECK(need(request).peak.count() <= (plain + beside).count());
    });
}

// Values of a segment that runs again stay on the device: activations are not offloaded here.
TEST_CASE("RecomputationOfSegmentsNeverRaisesThePeak") {
    for_recipes(8, [](PlanRequest request) {
        request.offload.activations = false;
        request.train.micro_batch = 2;
        request.recompute.mode = RecomputeMode::none;
        const Bytes plain = need(request).peak;
        for (const auto mode : {RecomputeMode::every, RecomputeMode::sqrt}) {
            request.recompute.mode = mode;
            INFO(name(mode));
            CHECK(need(request).peak.count() <= plain.count());
        }
    });
}

// The whole forward pass runs again beside the gradients that have reached its last layer by then.
// Fetched weights are left out: the re-run has one more layer's in flight at its end.
TEST_CASE("RecomputationOfEverythingRaisesThePeakByTwoStreamsAtMost") {
    for_recipes(9, [](PlanRequest request) {
        request.offload = {};
        request.layout.zero = std::min(request.layout.zero, 2);
        request.train.micro_batch = 2;
        request.recompute.mode = RecomputeMode::none;
        const Bytes plain = need(request).peak;
        request.recompute.mode = RecomputeMode::all;
        CHECK(need(request).peak.count() <= (plain + 2 * stream_of(request)).count());
    });
}

TEST_CASE("MoreZeroNeverKeepsMore") {
    for_recipes(2, [](PlanRequest request) {
        request.layout.pipeline = 1;
        request.offload = {};
        request.layout.shard = 0;
        std::optional<Need> before;
        for (int zero = 0; zero <= 3; ++zero) {
            request.layout.zero = zero;
            const Need now = need(request);
            INFO("zero " << zero);
            if (before) CHECK(now.states().count() <= before->states().count());
            if (before) CHECK(now.peak.count() <= before->peak.count());
            before = now;
        }
    });
}

TEST_CASE("OffloadOfTheOptimizerNeverRaisesThePeak") {
    for_recipes(3, [](PlanRequest request) {
        request.offload = {};
        request.train.optimizer = OptimizerKind::adamw;
        const Bytes plain = need(request).peak;
        for (const auto tier : {Tier::cpu, Tier::nvme}) {
            request.offload.optimizer = tier;
            INFO(name(tier));
            CHECK(need(request).peak.count() <= plain.count());
        }
    });
}

TEST_CASE("OffloadOfActivationsNeverRaisesThePeak") {
    for_recipes(4, [](PlanRequest request) {
        request.offload = {};
        request.train.micro_batch = 48;
        const Bytes plain = need(request).peak;
        request.offload.activations = true;
        CHECK(need(request).peak.count() <= plain.count());
    });
}

TEST_CASE("OffloadOfParametersNeverRaisesThePeak") {
    for_recipes(5, [](PlanRequest request) {
        request.offload = {.optimizer = Tier::cpu};
        request.layout.pipeline = 1;
        request.train.optimizer = OptimizerKind::adamw;
        if (request.layout.replicas() > 1) request.layout.zero = 3;
        const Bytes plain = need(request).peak;
        for (const auto tier : {Tier::cpu, Tier::nvme}) {
            request.offload.parameters = tier;
            INFO(name(tier));
            CHECK(need(request).peak.count() <= plain.count());
        }
    });
}

// Activations below a mebibyte are not offloaded, so there a larger batch may need less.
TEST_CASE("ALargerMicroBatchNeverNeedsLess") {
    for_recipes(6, [](PlanRequest request) {
        request.offload.activations = false;
        Bytes before{};
        for (const std::int64_t micro_batch : {1, 2, 3, 8}) {
            request.train.micro_batch = micro_batch;
            const Bytes now = need(request).peak;
            CHECK(now.count() >= before.count());
            before = now;
        }
    });
}

TEST_CASE("FullPrecisionGradientsKeepTwoMoreBytesAParameter") {
    for_recipes(7, [](PlanRequest request) {
        request.train.compute = request.train.gradient = DType::bf16;
        request.offload = {};
        const Need half = need(request);
        request.train.gradient = DType::f32;
        const Need full = need(request);
        CHECK(half.gradient.count() > 0);
        CHECK(full.gradient == 2 * half.gradient);
        for (const Role role : {Role::parameter, Role::master, Role::optimizer}) {
            const auto at = static_cast<std::size_t>(role);
            CHECK(full.persistent[at] == half.persistent[at]);
        }
        CHECK(full.peak - half.peak >= full.states() - half.states());
    });
}
