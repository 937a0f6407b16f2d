#pragma once

#include <array>

#include "planner/cost/topology.h"
#include "planner/engine/engine_step.h"
#include "planner/engine/update_terms.h"

namespace headroom {

/// Work of one micro-batch on one rank, in seconds at the device's rated speed (products: at what
/// its power sustains): what a timing profile's efficiencies divide.
struct MicroTerms {
    double gemm = 0.0;         ///< 16-bit products, shapes and waves accounted for
    double gemm_narrow = 0.0;  ///< products in the narrow format
    double attention = 0.0;    ///< fused attention
    double batched = 0.0;      ///< products of unfused attention
    double memory = 0.0;       ///< other kernels, by memory bandwidth
    double counted = 0.0;      ///< passes whose number is known: quantization, fp32 accumulation,
                               ///< adapters' products, stored scores; by memory bandwidth
    double kernels = 0.0;      ///< count
    double expert_kernels =
        0.0;  ///< count: products of experts, which a library launches by itself
    double expert_layers = 0.0;
    std::array<double, kWires> tensor{};  ///< collectives on the critical path, by slowest wire
    std::array<double, kWires> context{};
    std::array<double, kWires> expert{};
    double send = 0.0;  ///< to the neighbouring stage
};

struct StageTerms {
    MicroTerms micro{};
    StepTerms step{};
};

StageTerms stage_terms(const Lowering& lowering, const Engine& engine,
                       const EngineSettings& settings);

}  // namespace headroom
