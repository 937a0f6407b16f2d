#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "planner/base/json.h"
#include "planner/plan/plan.h"

namespace headroom {

/// Tensors of one part, shape and dtype that are alive at the peak.
struct PeakItem {
    std::string part{};
    std::string shape{};
    std::string_view dtype{};
    std::int64_t count = 0;
    Bytes bytes{};
};

/// One category of the memory at the peak and what it is made of, largest first.
struct PeakCategory {
    std::string_view name{};
    Bytes bytes{};
    std::string formula{};  ///< "32 x attn.q_proj.weight (4096, 4096) bf16 + …"
    std::vector<PeakItem> items{};
};

/// The largest total of a stretch of ops.
struct TimelinePoint {
    Phase phase = Phase::forward;
    std::int32_t layer = -1;
    Bytes bytes{};
};

/// A request one step along one setting; everything else stays, batch and GPUs included.
struct Dial {
    std::string knob{};  ///< or "gpus", which data parallelism takes
    std::string from{};
    std::string to{};
    Bytes memory{};  ///< worst rank
    Seconds step{};
    Bytes memory_change{};
    Seconds step_change{};
    double speed = 1.0;  ///< tokens a second over those of the request
    bool fits = false;
};

/// Why a plan needs what it needs.
struct Explanation {
    std::vector<PeakCategory> categories{};  ///< of the worst rank, in report order
    std::vector<TimelinePoint> timeline{};   ///< of one micro-step and the update
    std::vector<Dial> dials{};               ///< most memory saved first
};

/// What each setting would buy and cost, a step up or down; impossible and idle ones are left out.
std::vector<Dial> dials(const PlanRequest& request);

/// The peak of the worst rank, its memory over the step, and the dials.
Explanation explain(const Plan& plan);

Json to_json(const Explanation& explanation);

}  // namespace headroom
