#include "planner/cost/price.h"

#include <fmt/format.h>

#include <algorithm>

namespace headroom {
namespace {

constexpr double kSecondsPerHour = 3600.0;

struct Power {
    double kilowatts_per_gpu = 0.0;
    std::string source{};
};

Power power(const HardwareProfile& gpu) {
    if (gpu.node.power_kw > 0.0) {
        const auto gpus = static_cast<double>(std::max<std::int64_t>(gpu.node.gpus, 1));
        return {gpu.node.power_kw / gpus,
                fmt::format("power of node {}, shared by its {} GPUs; PUE not included",
                            gpu.node.id, gpu.node.gpus)};
    }
    if (gpu.tdp_watts > 0.0) {
        return {gpu.tdp_watts / 1000.0,
                fmt::format("TDP of {}, {:.0f} W a GPU; host and PUE not included", gpu.id,
                            gpu.tdp_watts)};
    }
    return {0.0, fmt::format("unknown: neither node power nor TDP of {} is published", gpu.id)};
}

Price price(const HardwareProfile& gpu, std::optional<Usd> own) {
    if (own) return {.per_gpu_hour = *own, .source = "your price"};
    Price listed = default_price(gpu);
    if (listed.provider.empty()) {
        listed.source = fmt::format("unknown: no price of {} is listed", gpu.id);
    }
    return listed;
}

}  // namespace

Rates rates(const StepAmounts& step, const HardwareProfile& gpu) {
    const double seconds = step.time.count();
    if (seconds <= 0.0) return {};
    const FlopRate peak = gemm_peak(gpu, step.compute) * static_cast<double>(step.gpus);
    return {.tokens_per_second = static_cast<double>(step.tokens) / seconds,
            .mfu = step.model / step.time / peak,
            .hfu = step.executed / step.time / peak};
}

RunCost run_cost(const StepAmounts& step, std::int64_t tokens, const HardwareProfile& gpu,
                 std::optional<Usd> usd_per_gpu_hour) {
    if (step.tokens <= 0 || tokens <= 0) return {};
    const Price hourly = price(gpu, usd_per_gpu_hour);
    const Power draw = power(gpu);
    const double steps = static_cast<double>(tokens) / static_cast<double>(step.tokens);
    const Seconds time = step.time * steps;
    const double gpu_hours = time.count() / kSecondsPerHour * static_cast<double>(step.gpus);
    const std::string dated = hourly.provider.empty()
                                  ? hourly.source
                                  : fmt::format("{} ({}, {}): {}", hourly.provider, hourly.kind,
                                                hourly.dated, hourly.source);
    return {.steps = ceil_div(tokens, step.tokens),
            .time = time,
            .gpu_hours = gpu_hours,
            .usd = hourly.per_gpu_hour * gpu_hours,
            .energy_kwh = gpu_hours * draw.kilowatts_per_gpu,
            .price_source = dated,
            .energy_source = draw.source};
}

}  // namespace headroom
