#include "planner/engine/step_time.h"

#include <algorithm>
#include <cmath>

#include "planner/cost/op_time.h"
#include "planner/engine/engine_memory.h"

namespace headroom {
namespace {

constexpr std::array<std::string_view, kGpuNumbers> kGpuNames{
    "gemm", "narrow", "attention", "batched", "memory", "link", "pcie", "network", "launch_us"};
constexpr std::array<std::string_view, kFrameworkNumbers> kFrameworkNames{
    "passes", "kernels", "exposed", "overlap", "expert", "expert_ms", "step_ms", "slowdown"};

double at(const GpuTiming& timing, GpuNumber number) {
    return timing[static_cast<std::size_t>(number)];
}
double at(const FrameworkTiming& timing, FrameworkNumber number) {
    return timing[static_cast<std::size_t>(number)];
}

/// Seconds of traffic whose parts were counted at the profile's rates.
double traffic(const std::array<double, kWires>& by_wire, const GpuTiming& gpu) {
    return by_wire[0] / at(gpu, GpuNumber::link) + by_wire[1] / at(gpu, GpuNumber::pcie) +
           by_wire[2] / at(gpu, GpuNumber::network);
}

/// Two limits on one stretch of work, the larger of which decides; near each other both count.
double smooth_max(double a, double b) {
    return std::sqrt(std::sqrt(a * a * a * a + b * b * b * b));
}

double device_seconds(const MicroTerms& micro, const GpuTiming& gpu, double passes) {
    return micro.gemm / at(gpu, GpuNumber::gemm) + micro.gemm_narrow / at(gpu, GpuNumber::narrow) +
           micro.attention / at(gpu, GpuNumber::attention) +
           micro.batched / at(gpu, GpuNumber::batched) +
           (passes * micro.memory + micro.counted) / at(gpu, GpuNumber::memory);
}

/// One micro-batch through one stage, sending included.
double micro_seconds(const MicroTerms& micro, const TimedStep& step, const GpuTiming& gpu,
                     const FrameworkTiming& how) {
    const double device = device_seconds(micro, gpu, at(how, FrameworkNumber::passes)) *
                          at(how, FrameworkNumber::slowdown);
    const double launches =
        micro.kernels * at(how, FrameworkNumber::kernels) + micro.expert_kernels;
    const double host = step.graphed
                            ? 0.0
                            : launches * at(gpu, GpuNumber::launch_us) * 1e-6 +
                                  micro.expert_layers * at(how, FrameworkNumber::expert_ms) * 1e-3;
    const double hidden = at(how, FrameworkNumber::overlap);
    const double peers = (step.overlaps ? 1.0 - hidden : 1.0) *
                             (traffic(micro.tensor, gpu) + traffic(micro.context, gpu)) +
                         (step.overlaps_experts ? 1.0 - hidden : 1.0) * traffic(micro.expert, gpu) *
                             at(how, FrameworkNumber::expert);
    const double work = step.blocking ? device + host : smooth_max(device, host);
    return work + peers + 2.0 * micro.send / at(gpu, GpuNumber::network);
}

/// What computation cannot hide of the traffic over the data ranks.
double data_seconds(const TimedStep& step, double micro, const GpuTiming& gpu, double exposed) {
    const double reduce = traffic(step.last.step.reduce, gpu);
    const double gather = traffic(step.last.step.gather, gpu);
    const double gathers = step.gathers_each ? step.last.step.collectives.gathers : 1.0;
    const double each = gathers * gather + reduce;
    const double hidden = step.gathers_each ? (1.0 - exposed) * micro : micro;
    const double shown = exposed * each + std::max(0.0, (1.0 - exposed) * each - hidden);
    return step.gathers_each ? step.micro_batches * shown : shown;
}

}  // namespace

std::string_view name(GpuNumber number) { return kGpuNames[static_cast<std::size_t>(number)]; }
std::string_view name(FrameworkNumber number) {
    return kFrameworkNames[static_cast<std::size_t>(number)];
}

double step_seconds(const TimedStep& step, const GpuTiming& gpu, const FrameworkTiming& framework) {
    const double last = micro_seconds(step.last.micro, step, gpu, framework);
    const double middle =
        step.stages > 1.0 ? micro_seconds(step.middle, step, gpu, framework) : last;
    // The slowest stage sets the pace; what the others need once is fill and drain.
    const double slowest = std::max(last, middle);
    double seconds = step.micro_batches * slowest +
                     ((step.stages - 1.0) * middle + last - slowest) / step.chunks;
    seconds += data_seconds(step, slowest, gpu, at(framework, FrameworkNumber::exposed));
    const TensorCollectives& alone = step.last.step.collectives;
    const double launch = at(gpu, GpuNumber::launch_us) * 1e-6;
    seconds += alone.step + step.micro_batches * (alone.micro + alone.launches * launch);
    seconds += step.last.step.optimizer / at(gpu, GpuNumber::memory);
    if (!step.graphed) {
        seconds += step.last.step.kernels * at(framework, FrameworkNumber::kernels) * launch;
    }
    if (step.pcie > 0.0) seconds += step.last.step.offload_bytes / step.pcie;
    if (step.host > 0.0) seconds += step.last.step.host_bytes / step.host;
    return seconds + at(framework, FrameworkNumber::step_ms) * 1e-3;
}

TimedStep timed_step(const PlanRequest& request, const Engine& engine,
                     const EngineSettings& settings) {
    const auto& layout = request.layout;
    TimedStep out{.micro_batches = static_cast<double>(request.train.accumulation),
                  .stages = static_cast<double>(layout.pipeline),
                  .chunks = static_cast<double>(layout.interleave),
                  .gathers_each = layout.zero >= 3 && layout.replicas() > 1,
                  .overlaps = settings.overlaps_communication,
                  .overlaps_experts = settings.overlaps_experts,
                  .graphed = settings.graphs_step,
                  .blocking = settings.launches_block};
    const std::int64_t last = layout.pipeline - 1;
    const auto terms_of = [&](std::int64_t index) {
        const Lowering lowering = engine_step(request, engine_stage(request, settings, index));
        return stage_terms(lowering, engine, settings);
    };
    out.last = terms_of(last);
    if (last > 0) out.middle = terms_of(last / 2).micro;
    const auto& gpu = request.hardware.profile;
    out.pcie = gpu.pcie.count() * gpu.pcie_fraction;
    out.host = kHostBandwidthPerGpu.count();
    return out;
}

}  // namespace headroom
