#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "planner/spec/names.h"
#include "planner/spec/request_checks.h"

namespace headroom {
namespace {

constexpr std::int64_t kMostMicroTokens = 2147483647;
/// 2^53: token counts of a step stay exact in a double.
constexpr double kMostStepTokens = 9007199254740992.0;

/// TF32 runs fp32 operands.
bool multiplies(const HardwareProfile& gpu, DType dtype) {
    return gpu.peak.contains(dtype) || (dtype == DType::f32 && gpu.tf32_peak.count() > 0);
}

}  // namespace

void check_batch(const RequestCheck& check) {
    const auto& train = check.request.train;
    const auto tokens = train.sequence * train.micro_batch;
    check.require(tokens <= kMostMicroTokens, "micro_batch",
                  "{} sequences of {} are {} tokens, the limit of a micro-batch is {}",
                  train.micro_batch, train.sequence, tokens, kMostMicroTokens);
    const double step_tokens = static_cast<double>(tokens) *
                               static_cast<double>(train.accumulation) *
                               static_cast<double>(check.request.layout.data);
    check.require(step_tokens <= kMostStepTokens, "accumulation",
                  "{} makes a step of {:.1e} tokens, the limit is {:.1e}", train.accumulation,
                  step_tokens, kMostStepTokens);
}

void check_precision(const RequestCheck& check) {
    const auto& train = check.request.train;
    check.require(train.gradient == DType::f32 || train.gradient == train.compute, "gradient",
                  "is {}, must be fp32 or the compute dtype {}", name(train.gradient),
                  name(train.compute));
    const auto& gpu = check.request.hardware.profile;
    std::vector<std::string_view> supported;
    for (const auto& [dtype, rate] : gpu.peak) supported.push_back(name(dtype));
    // A profile always has a peak; a request without one names no GPU yet.
    check.require(supported.empty() || multiplies(gpu, train.compute), "compute",
                  "is {}, but GPU \"{}\" has no {} matrix rate; it has {}", name(train.compute),
                  gpu.id, name(train.compute), fmt::join(supported, ", "));
}

void check_positions(const RequestCheck& check) {
    const auto& model = check.request.model;
    if (model.position != PositionKind::learned) return;
    // Rows before the first position (opt has two) are no positions of their own.
    const auto limit = model.max_positions > 0 ? std::min(model.position_rows, model.max_positions)
                                               : model.position_rows;
    const auto sequence = check.request.train.sequence;
    check.require(sequence <= limit, "sequence", "is {}, the model has {} learned positions",
                  sequence, limit);
}

}  // namespace headroom
