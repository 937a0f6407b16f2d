#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "planner/engine/engine_memory.h"
#include "planner/engine/timing_profile.h"

namespace headroom {

/// How sure a framework's run is of its place on the device.
struct CapacityOdds {
    BandFactors band{};
    double out_of_memory = 0.0;  ///< probability
    bool fits = false;           ///< at the high end of the band too
};
/// `process` is what nvidia-smi would show, with the context.
CapacityOdds capacity_odds(Bytes process, Bytes capacity, std::string_view framework,
                           const TimingProfile& profile);

/// A request as a framework's tools will show it: memory of the rank that needs most, and the time
/// of a step, each with the band that nine in ten published measurements were in.
struct EngineForecast {
    const Engine* engine = nullptr;
    EngineMemory memory{};
    Bytes capacity{};
    CapacityOdds odds{};
    Seconds step{};
    BandFactors step_band{};
    std::string gpu_numbers{};  ///< whose fitted numbers the time uses; empty: priors
    bool framework_fitted = false;
};

/// The engine that a name in a request means: "megatron" (its newest version) or
/// "megatron-2022"; throws InputError at /engine with the known names.
const Engine& engine_of(std::string_view name);

/// How the engine takes its loss, in the request's words.
LossKind loss_of(const Engine& engine, const EngineSettings& settings, const PlanRequest& request);

/// `request.engine` must name a framework. Throws InputError for an impossible request.
EngineForecast forecast(const PlanRequest& request, const TimingProfile& profile);

/// What to call a run's chances: expected to fit at the high end of the band too, more likely than
/// not, or less likely though the expected amount would fit.
enum class Chances : std::uint8_t { fits, tight, unlikely, too_large };
Chances chances(const EngineForecast& forecast);

/// What shows the memory of a framework's allocator, or what it is where there is no such tool.
struct MemoryTools {
    std::string_view allocated{};
    std::string_view reserved{};
};
MemoryTools memory_tools(const Engine& engine);

Json to_json(const EngineForecast& forecast);

}  // namespace headroom
