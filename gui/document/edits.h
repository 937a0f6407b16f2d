#pragma once

#include <QString>
#include <cstdint>

#include "planner/spec/knob.h"
#include "planner/spec/plan_request.h"

namespace headroom::gui {

/// What a window opens with: no model, no GPU, full fine-tuning.
PlanRequest empty_request();
/// Whether a model and a GPU are chosen.
bool is_complete(const PlanRequest& request);

// One edit each: the request it makes of another. Nothing throws; what does not go together is for
// `validate`.

PlanRequest with_model(PlanRequest request, const std::string& name, const ModelSpec& model);
/// Distillation from a model; its name is empty where a file's travels in the document.
PlanRequest with_teacher(PlanRequest request, const std::string& name, const ModelSpec& teacher);
PlanRequest without_teacher(PlanRequest request);
/// A GPU that lacks the compute dtype gets the best one it has: bf16, fp16, fp32.
PlanRequest with_gpu(PlanRequest request, const std::string& name, const HardwareProfile& profile);
/// Data parallelism takes the GPUs that the other degrees leave, where they divide.
PlanRequest with_gpus(PlanRequest request, std::int64_t gpus);
/// Changes one setting; a degree takes its ranks from data parallelism, data ranks are GPUs, and
/// gradients of the compute dtype stay so.
PlanRequest with_knob(PlanRequest request, const Knob& knob, const KnobValue& value);

/// Sequences an optimizer step takes over all ranks.
std::int64_t batch_of(const PlanRequest& request);
/// `batch` sequences a step, the micro-batch as large as before where it divides; as near as the
/// data ranks allow, never fewer than one a rank.
PlanRequest with_batch(PlanRequest request, std::int64_t batch);

/// Why a request cannot be planned; empty when it can.
QString refusal_of(const PlanRequest& request);

}  // namespace headroom::gui
