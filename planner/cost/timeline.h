#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "planner/base/units.h"
#include "planner/cost/op_time.h"
#include "planner/step/op/collective.h"
#include "planner/step/step_graph.h"

namespace headroom {

inline constexpr std::size_t kPhases = 3;

struct PhaseTimes {
    Seconds forward{};
    Seconds backward{};
    Seconds update{};

    [[nodiscard]] Seconds total() const { return forward + backward + update; }
};

/// Where a step's time goes. compute + optimizer + exposed_* is the whole of it; `communication`
/// and `transfer` count hidden and exposed time alike.
struct TimeClasses {
    Seconds compute{};
    Seconds optimizer{};  ///< kernels of the update and what the host's update exposes
    Seconds exposed_communication{};
    Seconds exposed_transfer{};
    Seconds communication{};
    Seconds transfer{};
};

/// Collectives of one kind on one axis, over the whole step.
struct Traffic {
    Bytes sent{};  ///< by one rank, `volume`
    std::int64_t count = 0;
    Seconds time{};
};

/// What one rank's step costs.
struct StepCost {
    Seconds step{};
    PhaseTimes total{};  ///< all micro-steps and the update
    PhaseTimes micro{};  ///< a micro-step that is neither first nor last
    TimeClasses classes{};
    std::array<Work, kPhases> work{};  ///< by Phase, all micro-steps
    std::array<std::array<Traffic, kAxisNames.size()>, kCollectiveNames.size()> traffic{};
    std::array<Bytes, kStreams> copied{};  ///< by copy stream: copy_in, copy_out, nvme_*

    /// All phases.
    [[nodiscard]] Work total_work() const;
    [[nodiscard]] const Traffic& of(CollectiveKind kind, Axis axis) const {
        return traffic[static_cast<std::size_t>(kind)][static_cast<std::size_t>(axis)];
    }
};

/// When one op runs, from the start of the micro-step.
struct OpRecord {
    std::size_t op = 0;
    Seconds start{};
    Seconds end{};
    Stream stream = Stream::compute;
    Bound bound = Bound::latency;
};

/// Part of the compute stream's speed that a collective takes while it runs beside it: its kernels
/// hold multiprocessors (Calculon's processor usage: 15 % on NVLink, 2 % on the network).
inline constexpr double kLinkInterference = 0.15;
inline constexpr double kNetworkInterference = 0.02;

/// Plays a step over the streams. Ops are issued in order. A compute op, a synchronous collective
/// and a Wait hold up whatever follows; asynchronous collectives, copies and host updates start
/// when issued, when their stream is free and when asynchronous ops they read from are done. A
/// synchronous collective passes those that are queued and shares their wire with them. All
/// streams drain at the end of the step. Micro-steps between the second and the last are equal and
/// are extended, not replayed.
StepCost simulate(const StepGraph& graph, const TimeModel& model);

/// The ops of one middle micro-step (the only one when there is no middle) and of the update.
std::vector<OpRecord> trace(const StepGraph& graph, const TimeModel& model);

}  // namespace headroom
