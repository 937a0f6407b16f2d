#include "planner/plan/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "planner/base/error.h"
#include "planner/plan/findings.h"

namespace headroom {
namespace {

constexpr std::array<std::string_view, 4> kProducts{"linear", "linear_grad_input",
                                                    "linear_grad_weight", "head_loss"};
constexpr std::array<std::string_view, 1> kAttention{"attention"};
constexpr std::array<std::string_view, 1> kAttentionGrad{"attention_grad"};
constexpr std::array<std::string_view, 1> kStreaming{"update"};

struct Sum {
    double bytes = 0.0;
    double seconds = 0.0;
};

template <std::size_t N>
Sum sum_of(const Measurement& measurement, const std::array<std::string_view, N>& ops) {
    Sum sum;
    for (const auto& row : measurement.ops) {
        if (std::ranges::find(ops, row.op) == ops.end()) continue;
        sum.bytes += row.moved.real();
        sum.seconds += row.time.count();
    }
    return sum;
}

constexpr double kLeast = 0.01;  // a profile's limits

class Calibrator {
public:
    Calibrator(const Plan& plan, const Measurement& measurement)
        : gpu_(plan.request.hardware.profile),
          measurement_(measurement),
          source_(fmt::format("measured by headroom calibrate, step {} on {}, {}",
                              measurement.digest, measurement.device, measurement.date)) {}

    Calibration run(const OpTimes& expected) {
        const double forward = gpu_.attention_fraction;
        const double backward = gpu_.attention_backward_fraction;
        scale("gemm_fraction", gpu_.gemm_fraction, gpu_.gemm_fraction, expected, kProducts);
        if (!is_host(gpu_)) {  // a processor's attention is not bound by its products
            scale("attention_fraction", gpu_.attention_fraction, forward, expected, kAttention);
            scale("attention_backward_fraction", gpu_.attention_backward_fraction,
                  backward > 0.0 ? backward : forward, expected, kAttentionGrad);
        }
        stream();
        context();
        return {.profile = gpu_, .figures = figures_};
    }

private:
    /// The model knows what share of a rate few or half empty tiles reach, so the rate follows from
    /// how much longer than expected all of these ops took.
    template <std::size_t N>
    void scale(const char* key, double& fraction, double before, const OpTimes& expected,
               const std::array<std::string_view, N>& ops) {
        Seconds planned{};
        Seconds taken{};
        for (const auto& row : measurement_.ops) {
            if (std::ranges::find(ops, row.op) == ops.end()) continue;
            const auto found = expected.find({row.phase, row.op});
            if (found == expected.end()) continue;
            planned += found->second;
            taken += row.time;
        }
        if (planned <= Seconds{} || taken <= Seconds{}) return;
        set(key, fraction, before * (planned / taken));
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
        figures_.push_back({key, found, fraction});
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
        constexpr const char* kKey = "own_context_mib";
        gpu_.own_context = own;
        gpu_.sources[kKey] = source_;
        const double mib = own.real() / double{kMiB};
        figures_.push_back({kKey, mib, mib});
    }

    HardwareProfile gpu_;
    const Measurement& measurement_;
    std::string source_;
    std::vector<MeasuredFigure> figures_{};
};

}  // namespace

Calibration calibration(const Plan& plan, const Measurement& measurement) {
    if (measurement.ops.empty()) {
        throw InputError("/ops", "is empty: no step of this run was watched op by op");
    }
    const bool host = measurement.backend == "cpu";
    if (host != is_host(plan.request.hardware.profile)) {
        throw InputError("/backend", fmt::format("is {}, the plan is for {}", measurement.backend,
                                                 plan.request.hardware.profile.id));
    }
    return Calibrator(plan, measurement).run(expected_op_times(plan, measurement));
}

HardwareProfile calibrated(const Plan& plan, const Measurement& measurement) {
    return calibration(plan, measurement).profile;
}

}  // namespace headroom
