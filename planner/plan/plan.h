#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "planner/plan/estimate.h"
#include "planner/plan/stage_profile.h"

namespace headroom {

/// Categories of device memory in a report: the roles of tensors, and what no tensor accounts for.
struct MemoryBreakdown {
    RoleBytes by_role{};
    Bytes reserved{};  ///< context and code on the device, communicators, arena gaps

    [[nodiscard]] Bytes total() const { return headroom::total(by_role) + reserved; }
    [[nodiscard]] Bytes operator[](Role role) const {
        return by_role[static_cast<std::size_t>(role)];
    }
};

/// One contribution to what is not exact, and why.
struct Uncertainty {
    std::string part{};
    Bytes low{};
    Bytes expected{};
    Bytes high{};
    std::string reason{};
};

/// Total with its band; the parts say where the width comes from.
struct MemoryBand {
    Bytes low{};
    Bytes expected{};
    Bytes high{};
    std::vector<Uncertainty> parts{};
};

/// Memory of one pipeline stage's rank.
struct RankMemory {
    std::int64_t stage = 0;
    std::int64_t layers = 0;
    double in_flight = 1.0;  ///< micro-batches whose activations it holds at once
    MemoryBreakdown device{};
    Bytes host{};
    Bytes nvme{};
    std::string peak_op{};
    Phase peak_phase = Phase::forward;
    std::int32_t peak_layer = -1;
};

/// Memory of one phase of a run (load, step, save) on the worst rank and its node.
struct PhaseMemory {
    std::string phase{};
    Bytes device{};
    Bytes host{};  ///< of the node
    Bytes nvme{};  ///< of the node
    Bytes disk{};  ///< written or read by the whole run, in this phase
    std::string note{};
};

/// Where a step's time and money go. Times are of the slowest stage unless said otherwise.
struct CostBreakdown {
    Seconds step{};
    Seconds compute{};
    Seconds exposed_communication{};
    Seconds bubble{};
    Seconds transfer{};  ///< exposed host and NVMe traffic
    Seconds optimizer{};
    Flops model_flops{};     ///< of all GPUs, one step
    Flops hardware_flops{};  ///< matrix work executed by all GPUs, recomputation included
    double tokens_per_second = 0.0;
    double mfu = 0.0;
    double hfu = 0.0;
    Seconds step_low{};  ///< band of the step time
    Seconds step_high{};
    std::int64_t steps = 0;  ///< of the run; 0: its tokens were not given
    double gpu_hours = 0.0;
    Usd usd{};
    double energy_kwh = 0.0;
    Price price{};
    std::vector<std::string> notes{};
};

/// Not fitting is an answer: it says what is short and what would help.
struct Shortfall {
    Bytes missing{};
    std::string where{};                  ///< "device", "host" or "nvme"
    std::vector<std::string> remedies{};  ///< knob settings that would make it fit, cheapest first
};
struct Fits {
    Bytes headroom{};    ///< of the device, against the high end of the band
    bool tight = false;  ///< fits as expected, not at the high end of the band
};
using Verdict = std::variant<Fits, Shortfall>;

/// Collectives of one kind on one axis, one step of one rank.
struct TrafficRow {
    std::string kind{};
    std::string axis{};
    Bytes sent{};
    std::int64_t count = 0;
    Seconds time{};
};

/// What is expected of a request.
struct Prediction {
    std::vector<RankMemory> stages{};
    std::size_t worst = 0;  ///< index of the stage that needs most device memory
    MemoryBand band{};      ///< of the worst rank
    Bytes teacher{};        ///< of the worst rank's parameters, those of a teacher
    Bytes capacity{};       ///< device memory that CUDA reports
    Bytes host_node{};      ///< host memory of a node's ranks
    Bytes host_capacity{};
    Bytes nvme_node{};
    Bytes nvme_capacity{};
    std::vector<PhaseMemory> phases{};
    CostBreakdown cost{};
    std::vector<TrafficRow> traffic{};
    std::int64_t parameters = 0;
    std::int64_t trainable = 0;
    std::int64_t pruned = 0;  ///< of the trainable ones: 0 from the first step on
    std::string digest{};     ///< of the worst rank's lowered step
    std::int64_t ops = 0;

    [[nodiscard]] const RankMemory& worst_rank() const { return stages[worst]; }
};

/// A request with what is expected of it.
struct Plan {
    PlanRequest request{};
    Prediction predicted{};
    Verdict verdict{};
};

/// Predicts one configuration, nothing searched. Throws InputError for an impossible request.
Plan predict(const PlanRequest& request);

}  // namespace headroom
