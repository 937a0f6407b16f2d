#include "planner/spec/plan_request.h"

#include <array>

#include "planner/base/json.h"
#include "planner/spec/request_checks.h"

namespace headroom {
namespace {

void check_limits(const RequestCheck& check) {
    for (const auto& each : knobs()) {
        const auto place = pointer(each, check.request);
        const Json value = to_json(each.get(check.request));
        value_from_json(each, {value, place});
    }
    const auto& hardware = check.request.hardware;
    check.require(hardware.gpus >= 1 && hardware.gpus <= kMostGpus, "/hardware/gpus",
                  "is {}, must be an integer from 1 to {}", hardware.gpus, kMostGpus);
    const double price = hardware.usd_per_gpu_hour.value_or(Usd{}).count();
    // Written so that NaN fails.
    check.require(price >= 0 && price <= kMostUsd, "/hardware/usd_per_gpu_hour",
                  "is {}, must be a number from 0 to {}", price, kMostUsd);
}

void check_model(const RequestCheck& check) { validate(check.request.model, "/model"); }

/// Limits come first: later checks multiply and divide by what passed them.
constexpr std::array kChecks{check_limits,    check_model,  check_batch,     check_precision,
                             check_positions, check_tensor, check_context,   check_pipeline,
                             check_expert,    check_zero,   check_recompute, check_offload,
                             check_adapter,   check_qat,    check_pruning,   check_distillation,
                             check_world};

}  // namespace

void validate(const PlanRequest& request) {
    const RequestCheck check(request);
    for (const auto each : kChecks) each(check);
}

}  // namespace headroom
