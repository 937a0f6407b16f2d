#pragma once

#include "planner/cost/topology.h"
#include "planner/engine/engine_step.h"

namespace headroom {

/// What collectives cost beside their bytes where each tensor has its own.
struct TensorCollectives {
    double step = 0.0;      ///< seconds of latency a step
    double micro = 0.0;     ///< seconds of latency a micro-batch
    double launches = 0.0;  ///< a micro-batch: pieces that the host copies one by one
    double gathers = 2.0;   ///< of ZeRO-3's weights a micro-batch
};
TensorCollectives tensor_collectives(const Lowering& lowering, const Engine& engine,
                                     const EngineSettings& settings);

/// Latency of one round of NCCL's ring over a group, protocol Simple: what each hop adds
/// (nccl, src/graph/tuning.cc, hwLat).
Seconds ring_latency(const Span& span);

/// The device with the part of its node's network that rings of ranks reach.
HardwareProfile seen_by_rings(const PlanRequest& request, const EngineSettings& settings);

}  // namespace headroom
