#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "planner/base/dtype.h"
#include "planner/base/units.h"
#include "planner/spec/hardware_profile.h"

namespace headroom {

/// One optimizer step of the whole machine.
struct StepAmounts {
    Seconds time{};
    std::int64_t tokens = 0;
    Flops model{};     ///< matrix FLOPs of the mathematics, all GPUs
    Flops executed{};  ///< matrix FLOPs that kernels execute, recomputation included, all GPUs
    std::int64_t gpus = 1;
    DType compute = DType::bf16;
};

/// MFU and HFU are against the dense peak of the compute dtype of all GPUs.
struct Rates {
    double tokens_per_second = 0.0;
    double mfu = 0.0;
    double hfu = 0.0;
};

/// Throws InputError when the GPU has no rate for the compute dtype.
Rates rates(const StepAmounts& step, const HardwareProfile& gpu);

/// A whole run, and in a sentence where its price and its power come from.
struct RunCost {
    std::int64_t steps = 0;  ///< the last one may be part of one
    Seconds time{};
    double gpu_hours = 0.0;
    Usd usd{};
    double energy_kwh = 0.0;  ///< at the machine; the building's overhead (PUE) comes on top
    std::string price_source{};
    std::string energy_source{};
};

/// Cost of a run of `tokens`. Without a price of the user's own the profile's default holds;
/// without a node power the GPU's TDP does, as if every GPU ran at its limit and the host were
/// free.
RunCost run_cost(const StepAmounts& step, std::int64_t tokens, const HardwareProfile& gpu,
                 std::optional<Usd> usd_per_gpu_hour = std::nullopt);

}  // namespace headroom
