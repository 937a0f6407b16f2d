#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "planner/plan/stage_profile.h"

namespace headroom {

/// What a GPU holds that no tensor of the step accounts for.
struct OutsideMemory {
    Bytes context{};
    Bytes communicators{};
    Bytes high{};  ///< both together at the high end of their bands

    [[nodiscard]] Bytes expected() const { return context + communicators; }
};

/// Communicator buffers of one process group. NCCL keeps a send and a receive buffer of 4 MiB a
/// channel (NCCL_BUFFSIZE's default); 8 to 64 channels are opened, by topology.
struct CommunicatorBytes {
    Bytes low = mebibytes(64);
    Bytes expected = mebibytes(256);
    Bytes high = mebibytes(512);
};

/// Groups of more than one rank that a layout opens.
std::int64_t communicators(const ParallelLayout& layout);
OutsideMemory outside_memory(const PlanRequest& request);

/// One pipeline stage's rank as a share of a whole prediction.
struct StageNeed {
    std::int64_t stage = 0;
    double in_flight = 1.0;
    RoleBytes device{};
    Bytes host{};
    Bytes nvme{};
};

/// Memory and time of a configuration, without the reports around them.
struct Estimate {
    std::vector<StageNeed> stages{};
    std::size_t worst = 0;
    Bytes device{};  ///< worst rank, context and communicators included
    Bytes host_node{};
    Bytes nvme_node{};
    Seconds step{};
    Seconds bubble{};
    std::size_t slowest = 0;  ///< the stage that sets the pace
    bool fits = false;
    /// Fits even when context, communicators and routing take the high end of their bands, and
    /// leaves the host's own share of its memory.
    bool safe = false;
};

/// Part of a host's memory that a plan may count on; the rest is the system's, an assumption.
inline constexpr double kHostShare = 0.95;

/// Whether a node has drives that parameters and optimizer states can be moved to.
bool has_drives(const HardwareProfile& gpu);

/// Stages that are lowered alike: profile index of each stage, and the stages to profile.
struct DistinctStages {
    std::vector<Stage> stages{};
    std::vector<std::size_t> of{};  ///< by pipeline index
};
DistinctStages distinct_stages(const PlanRequest& request);

/// Bytes of one stage with its micro-batches in flight.
StageNeed stage_need(const PlanRequest& request, std::int64_t stage, const StageProfile& profile);

/// How much fuller than the mean the fullest rank of a dropless router is taken to be at the high
/// end. An assumption: routers under a load-balance loss are reported within a few tens of percent.
inline constexpr double kHighImbalance = 1.3;
/// The request with its fullest rank of experts as full as that; none where no rank can be fuller.
std::optional<PlanRequest> uneven_routing(const PlanRequest& request);

/// Puts the profiles of a request's stages together.
Estimate combine(const PlanRequest& request, const DistinctStages& distinct,
                 std::span<const StageProfile> profiles);

/// The estimate by the extension in layers.
Estimate estimate(const PlanRequest& request);

/// Ranks that share a node's host memory and drives.
std::int64_t ranks_of_node(const PlanRequest& request);

/// Micro-batches in flight at a stage: what its activations are multiplied by.
double in_flight(const PlanRequest& request, std::int64_t stage);

}  // namespace headroom
