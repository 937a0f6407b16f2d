#include "gui/document/edits.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "planner/base/error.h"

namespace headroom::gui {
namespace {

/// Degrees that take GPUs from data parallelism.
constexpr std::array<std::string_view, 3> kSplits{"tensor", "context", "pipeline"};

void fill_data(PlanRequest& request) {
    auto& layout = request.layout;
    const auto others = layout.tensor * layout.context * layout.pipeline;
    if (others > 0 && request.hardware.gpus % others == 0) {
        layout.data = std::max<std::int64_t>(1, request.hardware.gpus / others);
    }
}

}  // namespace

PlanRequest empty_request() {
    PlanRequest request;
    request.train.goal = Goal::finetune;
    return request;
}

bool is_complete(const PlanRequest& request) {
    return request.model.layers > 0 && !request.hardware.profile.id.empty();
}

PlanRequest with_model(PlanRequest request, const std::string& name, const ModelSpec& model) {
    request.model_name = name;
    request.model = model;
    const bool learned = model.position == PositionKind::learned && model.max_positions > 0;
    if (learned) request.train.sequence = std::min(request.train.sequence, model.max_positions);
    return request;
}

PlanRequest with_teacher(PlanRequest request, const std::string& name, const ModelSpec& teacher) {
    request.distill.teacher_name = name;
    request.distill.teacher = teacher;
    return request;
}

PlanRequest without_teacher(PlanRequest request) {
    request.distill.teacher_name.clear();
    request.distill.teacher.reset();
    return request;
}

PlanRequest with_gpu(PlanRequest request, const std::string& name, const HardwareProfile& profile) {
    request.hardware.gpu = name;
    request.hardware.profile = profile;
    request.hardware.node.clear();
    if (profile.peak.contains(request.train.compute)) return request;
    for (const auto dtype : {DType::bf16, DType::f16, DType::f32}) {
        if (!profile.peak.contains(dtype)) continue;
        request.train.compute = request.train.gradient = dtype;
        break;
    }
    return request;
}

PlanRequest with_gpus(PlanRequest request, std::int64_t gpus) {
    request.hardware.gpus = gpus;
    fill_data(request);
    return request;
}

PlanRequest with_knob(PlanRequest request, const Knob& knob, const KnobValue& value) {
    const bool follows = request.train.gradient == request.train.compute;
    knob.assign(request, value);
    if (knob.name == "compute" && follows) request.train.gradient = request.train.compute;
    if (std::ranges::find(kSplits, knob.name) != kSplits.end()) fill_data(request);
    if (knob.name == "data") request.hardware.gpus = request.layout.world();
    return request;
}

std::int64_t batch_of(const PlanRequest& request) {
    return request.train.micro_batch * request.train.accumulation * request.layout.data;
}

PlanRequest with_batch(PlanRequest request, std::int64_t batch) {
    auto& train = request.train;
    const std::int64_t ranks = std::max<std::int64_t>(1, request.layout.data);
    const std::int64_t each = std::max<std::int64_t>(1, (batch + ranks / 2) / ranks);
    train.micro_batch = std::gcd(train.micro_batch, each);
    train.accumulation = each / train.micro_batch;
    return request;
}

QString refusal_of(const PlanRequest& request) {
    if (request.model.layers <= 0) return QStringLiteral("Choose a model.");
    if (request.hardware.profile.id.empty()) return QStringLiteral("Choose a GPU.");
    try {
        validate(request);
    } catch (const InputError& error) {
        return QString::fromUtf8(error.what());
    }
    return {};
}

}  // namespace headroom::gui
