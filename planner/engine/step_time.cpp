#include "planner/engine/step_time.h"

#include <algorithm>
#include <cmath>

#include "planner/cost/op_time.h"
#include "planner/engine/engine_memory.h"

namespace headroom {
namespace {

constexpr std::array<std::string_view, kGpuNumbers> kGpuNames{
    "gemm", "narrow", "attention", "batched", "memory", "link", "network", "launch_us"};
constexpr std::array<std::string_view, kFrameworkNumbers> kFrameworkNames{
    "passes", "kernels", "exposed", "overlap", "expert", "step_ms", "slowdown"};

double at(const GpuTiming& timing, GpuNumber number) {
    return timing[static_cast<std::size_t>(number)];
}
double at(const FrameworkTiming& timing, FrameworkNumber number) {
    return timing[static_cast<std::size_t>(number)];
}

/// Seconds of traffic whose parts were counted at the profile's rates.
double traffic(const std::array<double, kWires>& by_wire, const GpuTiming& gpu) {
    return (by_wire[0] + by_wire[1]) / at(gpu, GpuNumber::link) +
           by_wire[2] / at(gpu, GpuNumber::network);
}

/// Two limits on one stretch of work, the larger of which decides; near each other both count.
double smooth_max(double a, double b) {
    return std::sqrt(std::sqrt(a * a * a * a + b * b * b * b));
}

double micro_seconds(const TimedStep& step, const GpuTiming& gpu, const FrameworkTiming& how) {
    const MicroTerms& micro = step.slowest.micro;
    const double passes = at(how, FrameworkNumber::passes);
    const double device = micro.gemm / at(gpu, GpuNumber::gemm) +
                          micro.gemm_narrow / at(gpu, GpuNumber::narrow) +
                          micro.attention / at(gpu, GpuNumber::attention) +
                          micro.batched / at(gpu, GpuNumber::batched) +
                          (passes * micro.memory + micro.narrow_bytes) / at(gpu, GpuNumber::memory);
    const double host =
        micro.kernels * at(how, FrameworkNumber::kernels) * at(gpu, GpuNumber::launch_us) * 1e-6;
    const double shown = step.overlaps ? 1.0 - at(how, FrameworkNumber::overlap) : 1.0;
    const double peers = shown * (traffic(micro.tensor, gpu) + traffic(micro.context, gpu)) +
                         traffic(micro.expert, gpu) * at(how, FrameworkNumber::expert);
    return smooth_max(device * at(how, FrameworkNumber::slowdown), host) + peers;
}

}  // namespace

std::string_view name(GpuNumber number) { return kGpuNames[static_cast<std::size_t>(number)]; }
std::string_view name(FrameworkNumber number) {
    return kFrameworkNames[static_cast<std::size_t>(number)];
}

double step_seconds(const TimedStep& step, const GpuTiming& gpu, const FrameworkTiming& framework) {
    const auto& terms = step.slowest;
    const double micro = micro_seconds(step, gpu, framework);
    const double send = 2.0 * terms.micro.send / at(gpu, GpuNumber::network);
    const double exposed = at(framework, FrameworkNumber::exposed);
    const double reduce = traffic(terms.step.reduce, gpu);
    const double gather = traffic(terms.step.gather, gpu);
    double seconds = (step.micro_batches + step.fill) * (micro + send);
    if (step.gathers_each) {
        const double hidden = (1.0 - exposed) * micro;
        const double each = 2.0 * gather + reduce;
        seconds +=
            step.micro_batches * (exposed * each + std::max(0.0, (1.0 - exposed) * each - hidden));
    } else {
        seconds += exposed * (reduce + gather) +
                   std::max(0.0, (1.0 - exposed) * (reduce + gather) - micro);
    }
    seconds += terms.step.optimizer / at(gpu, GpuNumber::memory);
    if (step.pcie > 0.0) seconds += terms.step.offload_bytes / step.pcie;
    if (step.host > 0.0) seconds += terms.step.host_bytes / step.host;
    return seconds + at(framework, FrameworkNumber::step_ms) * 1e-3;
}

TimedStep timed_step(const PlanRequest& request, const Engine& engine,
                     const EngineSettings& settings) {
    const auto& layout = request.layout;
    TimedStep out;
    // The last stage has the head, a middle one has most layers: the slower sets the pace.
    const std::int64_t last = layout.pipeline - 1;
    const auto terms_of = [&](std::int64_t index) {
        const Lowering lowering = engine_step(request, engine_stage(request, settings, index));
        return stage_terms(lowering, engine, settings);
    };
    const auto weight = [](const StageTerms& terms) {
        return terms.micro.gemm + 0.5 * terms.micro.gemm_narrow + terms.micro.attention;
    };
    out.slowest = terms_of(last);
    if (last > 1) {
        const StageTerms middle = terms_of(last / 2);
        if (weight(middle) > weight(out.slowest)) out.slowest = middle;
    }
    out.micro_batches = static_cast<double>(request.train.accumulation);
    out.fill = static_cast<double>(last) / static_cast<double>(layout.interleave);
    out.overlaps = settings.overlaps_communication;
    out.gathers_each = layout.zero >= 3 && layout.replicas() > 1;
    const auto& gpu = request.hardware.profile;
    out.pcie = gpu.pcie.count() * gpu.pcie_fraction;
    out.host = kHostBandwidthPerGpu.count();
    return out;
}

}  // namespace headroom
