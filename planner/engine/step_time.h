#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "planner/engine/work_terms.h"

namespace headroom {

/// Fitted numbers of one kind of GPU: efficiencies of its rated speeds, and latencies.
enum class GpuNumber : std::uint8_t {
    gemm,       ///< of the 16-bit rate that its power sustains, on full waves
    narrow,     ///< of the narrow rate that its power sustains
    attention,  ///< of the dense 16-bit peak, the best fused attention
    batched,    ///< of the dense 16-bit peak, unfused attention's products
    memory,     ///< of the memory bandwidth
    link,       ///< of NVLink's rate, on top of the profile's own fraction
    pcie,       ///< of what PCIe gives two GPUs of a node
    network,    ///< of the rate between nodes
    launch_us,  ///< host time a kernel
};
inline constexpr std::size_t kGpuNumbers = 9;
using GpuTiming = std::array<double, kGpuNumbers>;
std::string_view name(GpuNumber number);

/// Fitted numbers of one framework: how far its operators are from the graph's.
enum class FrameworkNumber : std::uint8_t {
    passes,     ///< memory passes over those of the graph's kernels
    kernels,    ///< kernels launched over those of the graph
    exposed,    ///< part of data-parallel traffic that computation cannot hide
    overlap,    ///< part of tensor and context traffic that is hidden
    expert,     ///< of the expert traffic counted, what shows: dispatchers hide part of it
    expert_ms,  ///< host time of an expert layer and micro-batch: routing, sorting, waiting
    step_ms,    ///< a step's own cost: data loading, logging, synchronisation
    slowdown,   ///< of computation, over kernels measured alone
};
inline constexpr std::size_t kFrameworkNumbers = 8;
using FrameworkTiming = std::array<double, kFrameworkNumbers>;
std::string_view name(FrameworkNumber number);

/// The work of a step, as far as it does not depend on fitted numbers.
struct TimedStep {
    StageTerms last{};    ///< the stage with the head
    MicroTerms middle{};  ///< of a stage that has layers alone
    double micro_batches = 1.0;
    double stages = 1.0;
    double chunks = 1.0;            ///< a stage, of an interleaved pipeline
    bool gathers_each = false;      ///< ZeRO-3: weights are gathered twice a micro-batch
    bool overlaps = true;           ///< tensor and context traffic may hide
    bool overlaps_experts = false;  ///< expert traffic may hide
    bool graphed = false;           ///< the host launches nothing
    bool blocking = false;          ///< the host waits for every kernel
    double pcie = 0.0;              ///< bytes a second
    double host = 0.0;              ///< bytes a second
};
TimedStep timed_step(const PlanRequest& request, const Engine& engine,
                     const EngineSettings& settings);

/// Seconds of one optimizer step.
double step_seconds(const TimedStep& step, const GpuTiming& gpu, const FrameworkTiming& framework);

}  // namespace headroom
