#include <algorithm>

#include "tests/lower/oracle.h"

// A teacher is evaluated beside the student's step: its weights and a forward pass, and nothing
// that outlives its last layer but what the head reads.

using namespace headroom;
using namespace headroom::test;

namespace {

constexpr std::int64_t kTokens = 512;

PlanRequest student() { return cut("meta-llama/Llama-3.2-1B", 2, kTokens); }
ModelSpec teacher() {
    ModelSpec model = preset("meta-llama/Llama-3.1-8B");
    model.layers = 3;
    return model;
}
PlanRequest taught() {
    PlanRequest request = student();
    request.distill.teacher = teacher();
    return request;
}

StepGraph graph_of(const PlanRequest& request) {
    return lower(request, stage_of(request, 0), true).graph;
}

/// FLOPs of a model's blocks in a forward pass; its head belongs to the loss.
double forward_flops_of_blocks(const PlanRequest& request, Flops Work::*kind) {
    const StepGraph graph = graph_of(request);
    double sum = 0.0;
    for (const auto& node : graph.ops) {
        if (node.phase != Phase::forward || std::holds_alternative<HeadLoss>(node.op)) continue;
        sum += (work(graph, node).*kind).count();
    }
    return sum;
}

Bytes kept(const PlanRequest& request) {
    const StepGraph graph = graph_of(request);
    return total(kept_for_backward(graph, lifetimes(graph), Place::device));
}

Bytes parameter_bytes(const PlanRequest& request) { return Bytes{2 * parameters(request)}; }

}  // namespace

TEST_CASE("ATeacherAddsItsWeightsAndNoStates") {
    const PlanRequest alone{.model = teacher()};
    CHECK(held(taught(), Role::parameter) ==
          held(student(), Role::parameter) + parameter_bytes(alone));
    for (const auto role : {Role::master, Role::gradient, Role::optimizer}) {
        CHECK(held(taught(), role) == held(student(), role));
    }
    CHECK(trainable(taught()) == trainable(student()));
}

TEST_CASE("ATeacherAddsAForwardPass") {
    PlanRequest alone = student();
    alone.model = teacher();
    const double head = 2.0 * kTokens * static_cast<double>(alone.model.vocab) *
                        static_cast<double>(alone.model.hidden);
    CHECK(flops(taught()) - flops(student()) ==
          Approx(forward_flops_of_blocks(alone, &Work::model) + head));
    CHECK(flops(taught(), Flop::matrix) - flops(student(), Flop::matrix) ==
          Approx(forward_flops_of_blocks(alone, &Work::matrix) + head));
}

TEST_CASE("NothingOfATeacherIsKeptForTheBackwardPass") {
    for (const auto mode : {RecomputeMode::none, RecomputeMode::selective, RecomputeMode::layer,
                            RecomputeMode::sqrt}) {
        PlanRequest plain = student();
        PlanRequest with = taught();
        plain.recompute.mode = with.recompute.mode = mode;
        CHECK(kept(with) == kept(plain));
    }
    const StepGraph graph = graph_of(taught());
    for (const auto& node : graph.ops) {
        if (node.phase == Phase::forward) continue;
        CHECK_FALSE(is_teacher(node.layer));
        for (const auto id : graph.inputs(node)) CHECK_FALSE(is_teacher(graph[id].label.layer));
    }
}

TEST_CASE("OnlyWhatTheTeachersHeadReadsLiesBesideTheStudentsForwardPass") {
    const StepGraph graph = graph_of(taught());
    const auto lives = lifetimes(graph);
    const auto begin = std::ranges::find(graph.ops, 0, &OpNode::layer) - graph.ops.begin();
    Bytes beside{};
    for (std::size_t i = 0; i < lives.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        const bool alive = lives[i].first >= 0 && lives[i].first < begin && lives[i].last >= begin;
        if (alive && !tensor.persistent && is_teacher(tensor.label.layer)) {
            beside += storage_size(tensor);
        }
    }
    CHECK(beside == Bytes{2 * kTokens * teacher().hidden});
}

TEST_CASE("TheLossHoldsAChunkOfTheTeachersLogitsToo") {
    PlanRequest request = taught();
    request.train.loss_chunk = 128;
    const StepGraph graph = graph_of(request);
    std::vector<Shape> chunks;
    for (const auto& tensor : graph.tensors) {
        if (tensor.role == Role::logits && tensor.shape.rank() == 2) chunks.push_back(tensor.shape);
    }
    CHECK(chunks == std::vector<Shape>{{128, 128256}, {128, 128256}});
}

TEST_CASE("ATeacherIsSplitAndShardedAsTheStudentIs") {
    PlanRequest split = taught();
    split.hardware.gpus = split.layout.tensor = 4;
    PlanRequest plain = student();
    plain.hardware.gpus = plain.layout.tensor = 4;
    const PlanRequest alone{.model = teacher()};
    // Gains of norms are on every rank.
    const auto gains = Bytes{2 * (2 * teacher().layers + 1) * teacher().hidden};
    const Bytes quarter = Bytes{(parameter_bytes(alone) - gains).count() / 4};
    CHECK(held(split, Role::parameter) == held(plain, Role::parameter) + quarter + gains);

    PlanRequest sharded = taught();
    sharded.hardware.gpus = sharded.layout.data = 8;
    sharded.layout.zero = 3;
    PlanRequest bare = student();
    bare.hardware.gpus = bare.layout.data = 8;
    bare.layout.zero = 3;
    CHECK(held(sharded, Role::parameter) ==
          held(bare, Role::parameter) + Bytes{parameter_bytes(alone).count() / 8});
}

TEST_CASE("ATeachersBlocksMayBeKeptInFourBits") {
    PlanRequest request = taught();
    request.distill.weights = TeacherWeights::nf4;
    const ModelSpec model = teacher();
    const PlanRequest alone{.model = model};
    PlanRequest none = alone;
    none.model.layers = 0;
    // QLoRA, Dettmers et al. 2023, section 3: half a byte, a byte of scale for 64 values, four
    // bytes of its scale for 256 of those. Norms' gains stay as they are, as do token table and
    // head.
    const std::int64_t gains = 2 * model.layers * model.hidden;
    const std::int64_t matrices = parameters(alone) - parameters(none) - gains;
    const double codes = static_cast<double>(matrices) * (0.5 + 1.0 / 64.0 + 4.0 / (64.0 * 256.0));
    const Bytes added = held(request, Role::parameter) - held(student(), Role::parameter);
    CHECK(added.real() ==
          Approx(codes + 2.0 * static_cast<double>(gains + parameters(none))).epsilon(1e-4));
    CHECK(flops(request) == flops(taught()));
    CHECK(kept(request) == kept(student()));
}

TEST_CASE("AdaptersAndRoundingLeaveATeacherAlone") {
    PlanRequest request = taught();
    request.train.goal = Goal::adapt;
    request.adapter.kind = AdapterKind::qlora;
    const StepGraph graph = graph_of(request);
    PlanRequest rounded = taught();
    rounded.qat = {.weights = QatType::int4, .activations = QatType::int8};
    for (const auto& each : {graph, graph_of(rounded)}) {
        for (const auto& tensor : each.tensors) {
            if (!is_teacher(tensor.label.layer)) continue;
            CHECK(tensor.dtype != DType::nf4);
            CHECK_FALSE(tensor.parameter.adapter);
        }
        for (const auto& node : each.ops) {
            if (std::holds_alternative<FakeQuantize>(node.op)) CHECK_FALSE(is_teacher(node.layer));
        }
    }
}
