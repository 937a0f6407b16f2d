#include "planner/plan/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "planner/base/error.h"

namespace headroom {
namespace {

constexpr std::array<std::string_view, 4> kProducts{"linear", "linear_grad_input",
                                                    "linear_grad_weight", "head_loss"};
constexpr std::array<std::string_view, 2> kAttention{"attention", "attention_grad"};
constexpr std::array<std::string_view, 1> kStreaming{"update"};

struct Sum {
    double matrix = 0.0;
    double bytes = 0.0;
    double seconds = 0.0;
};

template <std::size_t N>
Sum sum_of(const Measurement& measurement, const std::array<std::string_view, N>& ops) {
    Sum sum;
    for (const auto& row : measurement.ops) {
        if (std::ranges::find(ops, row.op) == ops.end()) continue;
        sum.matrix += row.matrix.count();
        sum.bytes += row.moved.real();
        sum.seconds += row.time.count();
    }
    return sum;
}

constexpr double kLeast = 0.01;  // a profile's limits

class Calibration {
public:
    Calibration(const Plan& plan, const Measurement& measurement)
        : gpu_(plan.request.hardware.profile),
          measurement_(measurement),
          peak_(gemm_peak(gpu_, plan.request.train.compute).count()),
          source_(fmt::format("measured by headroom calibrate, step {} on {}, {}",
                              measurement.digest, measurement.device, measurement.date)) {}

    HardwareProfile run() {
        rate("gemm_fraction", gpu_.gemm_fraction, sum_of(measurement_, kProducts), peak_);
        rate("attention_fraction", gpu_.attention_fraction, sum_of(measurement_, kAttention),
             peak_);
        stream();
        context();
        return gpu_;
    }

private:
    void rate(const char* key, double& fraction, const Sum& sum, double peak) {
        if (sum.matrix <= 0.0 || sum.seconds <= 0.0) return;
        set(key, fraction, sum.matrix / sum.seconds / peak);
    }
    void stream() {
        const Sum sum = sum_of(measurement_, kStreaming);
        if (sum.bytes <= 0.0 || sum.seconds <= 0.0) return;
        set("memory_fraction", gpu_.memory_fraction,
            sum.bytes / sum.seconds / gpu_.memory_bandwidth.count());
    }
    void set(const char* key, double& fraction, double found) {
        fraction = std::clamp(found, kLeast, 1.0);
        gpu_.sources[key] = source_;
    }

    /// What the process has at the end, less what the arena took when it came.
    void context() {
        Bytes before{};
        Bytes arena{};
        Bytes last{};
        for (const auto& [stage, process, free, total] : measurement_.stages) {
            if (stage == "arena") arena = process - last;
            if (arena == Bytes{}) before = process;
            last = process;
        }
        // A processor's arena takes pages as they are touched.
        const Bytes own = is_host(gpu_) ? before : last - arena;
        if (before == Bytes{} || own >= gpu_.memory_capacity_low) return;
        gpu_.own_context = own;
        gpu_.sources["own_context_mib"] = source_;
    }

    HardwareProfile gpu_;
    const Measurement& measurement_;
    double peak_;
    std::string source_;
};

}  // namespace

HardwareProfile calibrated(const Plan& plan, const Measurement& measurement) {
    if (measurement.ops.empty()) {
        throw InputError("/ops", "is empty: no step of this run was watched op by op");
    }
    const bool host = measurement.backend == "cpu";
    if (host != is_host(plan.request.hardware.profile)) {
        throw InputError("/backend", fmt::format("is {}, the plan is for {}", measurement.backend,
                                                 plan.request.hardware.profile.id));
    }
    return Calibration(plan, measurement).run();
}

}  // namespace headroom
