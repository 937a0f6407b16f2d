#include "planner/lower/parameter_count.h"
#include "tests/lower/oracle.h"

// Bytes a parameter of what is kept from step to step: 2 for 16-bit weights, 2 or 4 for the
// gradient, 4 for the f32 master, 8 for Adam's moments (16 or 18 in all; Rajbhandari et al. 2020,
// "ZeRO"), and which of them ZeRO divides by the D ranks of a shard group.

using namespace headroom;
using namespace headroom::test;

namespace {

struct States {
    std::int64_t parameters = 0;
    std::int64_t gradient = 0;
    std::int64_t master = 0;
    std::int64_t optimizer = 0;

    [[nodiscard]] std::int64_t total() const { return parameters + gradient + master + optimizer; }
};

void check_states(const PlanRequest& request, const States& expected) {
    CHECK(held(request, Role::parameter).count() == expected.parameters);
    CHECK(held(request, Role::gradient).count() == expected.gradient);
    CHECK(held(request, Role::master).count() == expected.master);
    CHECK(held(request, Role::optimizer).count() == expected.optimizer);
}

/// States of `count` parameters at a ZeRO stage over `ranks`, gradients of `g` bytes.
States adam(std::int64_t count, int zero, std::int64_t ranks, std::int64_t g) {
    const auto from = [&](int stage) { return zero >= stage ? ranks : 1; };
    return {.parameters = 2 * count / from(3),
            .gradient = g * count / from(2),
            .master = 4 * count / from(1),
            .optimizer = 8 * count / from(1)};
}

States operator+(const States& a, const States& b) {
    return {a.parameters + b.parameters, a.gradient + b.gradient, a.master + b.master,
            a.optimizer + b.optimizer};
}

PlanRequest llama(std::int64_t layers = 3) { return cut("meta-llama/Llama-3.1-8B", layers, 512); }

std::int64_t gradient_bytes(const PlanRequest& request) {
    return request.train.gradient == DType::f32 ? 4 : 2;
}

}  // namespace

TEST_CASE("MixedPrecisionAdamKeepsSixteenOrEighteenBytesAParameter") {
    PlanRequest request = llama();
    const std::int64_t count = parameters(request);
    check_states(request, adam(count, 0, 1, 2));
    CHECK(adam(count, 0, 1, 2).total() == 16 * count);
    request.train.gradient = DType::f32;
    check_states(request, adam(count, 0, 1, 4));
    CHECK(adam(count, 0, 1, 4).total() == 18 * count);
}

TEST_CASE("EveryZeroStageDividesOneMoreKindOfState") {
    for (int zero = 0; zero <= 3; ++zero) {
        for (const DType gradient : {DType::bf16, DType::f32}) {
            PlanRequest request = llama();
            request.layout.data = 8;
            request.layout.zero = zero;
            request.train.gradient = gradient;
            INFO("zero " << zero << " gradient " << name(gradient));
            check_states(request, adam(parameters(request), zero, 8, gradient_bytes(request)));
        }
    }
}

TEST_CASE("DistributedOptimizerKeepsSixAndTwelveOverDBytesAParameter") {
    PlanRequest request = llama();
    request.train.gradient = DType::f32;
    request.layout.data = 16;
    request.layout.zero = 1;
    Bytes sum{};
    for (const Role role : {Role::parameter, Role::gradient, Role::master, Role::optimizer}) {
        sum += held(request, role);
    }
    CHECK(sum.real() == (6.0 + 12.0 / 16.0) * static_cast<double>(parameters(request)));
}

TEST_CASE("ContextRanksShardStatesAsDataRanksDo") {
    PlanRequest request = llama();
    request.layout.data = 2;
    request.layout.context = 4;
    request.layout.zero = 3;
    check_states(request, adam(parameters(request), 3, 8, 2));
}

TEST_CASE("HybridShardingDividesByItsGroupOnly") {
    for (int zero = 1; zero <= 3; ++zero) {
        PlanRequest request = llama();
        request.layout.data = 16;
        request.layout.zero = zero;
        request.layout.shard = 4;
        INFO("zero " << zero);
        check_states(request, adam(parameters(request), zero, 4, 2));
    }
}

TEST_CASE("ExpertsShardOverTheExpertDataGroup") {
    for (int zero = 0; zero <= 3; ++zero) {
        PlanRequest request = cut("mistralai/Mixtral-8x7B-v0.1", 2, 512);
        request.layout.data = 16;
        request.layout.expert = 4;
        request.layout.zero = zero;
        INFO("zero " << zero);
        const std::int64_t experts = count_parameters(request.model).expert;
        const std::int64_t dense = parameters(request) - experts;
        check_states(request, adam(dense, zero, 16, 2) + adam(experts / 4, zero, 16 / 4, 2));
    }
}

TEST_CASE("TensorRanksSplitAllButTheNorms") {
    PlanRequest request = llama();
    const std::int64_t norms = (2 * request.model.layers + 1) * request.model.hidden;
    const std::int64_t split = parameters(request) - norms;
    request.layout.tensor = 8;
    check_states(request, adam(split / 8 + norms, 0, 1, 2));
}

TEST_CASE("PipelineStagesShareTheLayers") {
    PlanRequest request = llama(4);
    const std::int64_t whole = parameters(request);
    request.layout.pipeline = 2;
    PlanRequest half = llama(2);
    // The first stage has neither head nor final norm.
    const std::int64_t head = half.model.hidden * (half.model.vocab + 1);
    CHECK(whole > 2 * head);
    check_states(request, adam(parameters(half) - head, 0, 1, 2));
}

TEST_CASE("OptimizersKeepTheirPublishedBytesAParameter") {
    struct Row {
        OptimizerKind kind;
        double bytes;
    };
    const PlanRequest plain = llama();
    const auto count = static_cast<double>(parameters(plain));
    // Eight-bit states: two bytes, and two f32 scales a block of 256.
    for (const Row& row :
         {Row{OptimizerKind::adamw, 8.0}, Row{OptimizerKind::sgd, 4.0},
          Row{OptimizerKind::lion, 4.0}, Row{OptimizerKind::adamw8bit, 2.0 + 2.0 * 4.0 / 256.0}}) {
        PlanRequest request = plain;
        request.train.optimizer = row.kind;
        CHECK(held(request, Role::optimizer).real() == Approx(row.bytes * count).epsilon(1e-5));
        CHECK(held(request, Role::master).real() == 4.0 * count);
    }
}

TEST_CASE("FullPrecisionKeepsSixteenBytesAParameterAndNoMaster") {
    PlanRequest request = llama();
    request.train.compute = request.train.gradient = DType::f32;
    const std::int64_t count = parameters(request);
    check_states(request, {4 * count, 4 * count, 0, 8 * count});
}

TEST_CASE("OffloadedStatesAreTheSameBytesElsewhere") {
    PlanRequest request = llama();
    request.layout.data = 8;
    request.layout.zero = 3;
    request.offload.optimizer = Tier::cpu;
    const States states = adam(parameters(request), 3, 8, 2);
    CHECK(held(request, Role::master).count() == 0);
    CHECK(held(request, Role::optimizer).count() == 0);
    CHECK(held(request, Role::gradient).count() == 0);
    CHECK(held(request, Role::master, Place::host).count() == states.master);
    CHECK(held(request, Role::optimizer, Place::host).count() == states.optimizer);
    CHECK(held(request, Role::gradient, Place::host).count() == states.gradient);
    request.offload = {Tier::nvme, Tier::nvme, false};
    CHECK(held(request, Role::parameter).count() == 0);
    CHECK(held(request, Role::parameter, Place::nvme).count() == states.parameters);
    CHECK(held(request, Role::optimizer, Place::nvme).count() == states.optimizer);
}

TEST_CASE("GradientsOfTwoPlacesAreNormedOnTheHost") {
    // Experts have one replica each, so their gradients are summed on the host; the dense part's
    // are reduced on the device first.
    PlanRequest request = cut("mistralai/Mixtral-8x7B-v0.1", 2, 512);
    request.layout.data = request.layout.expert = 2;
    request.offload.optimizer = Tier::cpu;
    CHECK_NOTHROW(lower(request, stage_of(request, 0)));
    const std::int64_t experts = count_parameters(request.model).expert;
    const std::int64_t dense = parameters(request) - experts;
    CHECK(held(request, Role::gradient).count() == 2 * dense);
    CHECK(held(request, Role::gradient, Place::host).count() == 2 * (dense + experts / 2));
}
