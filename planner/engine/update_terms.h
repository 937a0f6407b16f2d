#pragma once

#include <array>

#include "planner/cost/topology.h"
#include "planner/engine/engine_step.h"
#include "planner/engine/tensor_collectives.h"

namespace headroom {

/// What a step adds once, whatever its micro-batches.
struct StepTerms {
    std::array<double, kWires> reduce{};  ///< gradients over the data ranks
    std::array<double, kWires> gather{};  ///< weights over the data ranks
    double optimizer = 0.0;               ///< passes over states, by memory bandwidth
    double offload_bytes = 0.0;           ///< over PCIe
    double host_bytes = 0.0;              ///< that the host's optimizer moves
    double kernels = 0.0;                 ///< count, of updates that loop over weights
    TensorCollectives collectives{};
};

StepTerms update_terms(const Lowering& lowering, const Engine& engine,
                       const EngineSettings& settings);

}  // namespace headroom
