#include "planner/plan/uncertainty.h"

#include <algorithm>
#include <array>

#include "planner/cost/pipeline.h"

namespace headroom {
namespace {

/// Achievable fractions at the two ends of the time band, relative to the profile's. Assumptions
/// until a profile is calibrated: kernels and links of well-tuned runs beat the profile by a few
/// percent, untuned ones stay a fifth below and their collectives a third.
struct FractionEnds {
    double kernels;
    double links;
};
constexpr FractionEnds kOptimistic{1.08, 1.08};
constexpr FractionEnds kPessimistic{0.80, 0.67};

TimeModel scaled_model(const PlanRequest& request, FractionEnds ends) {
    HardwareProfile gpu = request.hardware.profile;
    const auto scale = [](double& fraction, double by) { fraction = std::min(1.0, fraction * by); };
    scale(gpu.gemm_fraction, ends.kernels);
    scale(gpu.attention_fraction, ends.kernels);
    scale(gpu.attention_backward_fraction, ends.kernels);
    scale(gpu.memory_fraction, ends.kernels);
    scale(gpu.vector_fraction, ends.kernels);
    scale(gpu.link_fraction, ends.links);
    scale(gpu.pcie_fraction, ends.links);
    return {gpu, request.layout};
}

}  // namespace

MemoryBand memory_band(const PlanRequest& request, const Estimate& whole, const RankMemory& rank) {
    MemoryBand band;
    band.expected = rank.device.total();
    band.low = band.high = band.expected;
    const auto add = [&](Uncertainty part) {
        band.low -= part.expected - part.low;
        band.high += part.high - part.expected;
        band.parts.push_back(std::move(part));
    };
    const auto& gpu = request.hardware.profile;
    if (gpu.context_high > Bytes{}) {
        const Bytes context = context_of_program(gpu);
        add({"context", std::min(gpu.context_low, context), context, gpu.context_high,
             "driver context and loaded kernels differ by driver and library versions"});
    }
    if (const std::int64_t groups = communicators(request.layout); groups > 0) {
        const CommunicatorBytes each;
        add({"communicators", each.low * groups, each.expected * groups, each.high * groups,
             "channels that NCCL opens for each process group depend on the topology"});
    }
    if (const auto uneven = uneven_routing(request)) {
        const Estimate high = estimate(*uneven);
        const Bytes more = std::max(high.device - whole.device, Bytes{});
        add({"routing", Bytes{}, Bytes{}, more,
             "a dropless router can send one rank more tokens than the mean"});
    }
    return band;
}

StepBand step_band(const PlanRequest& request, const DistinctStages& distinct) {
    const std::array models{scaled_model(request, kOptimistic),
                            scaled_model(request, kPessimistic)};
    std::vector<std::vector<StepCost>> costs;  // by distinct stage, then by model
    for (const auto& stage : distinct.stages) {
        costs.push_back(extended_costs(request, stage, models));
    }
    const PipelineRun run = pipeline_run(request.layout, request.train.accumulation);
    const auto step = [&](std::size_t model) {
        std::vector<StepCost> stages;
        for (const auto index : distinct.of) stages.push_back(costs[index][model]);
        return pipelined_step(stages, run).step;
    };
    return {step(0), step(1)};
}

}  // namespace headroom
