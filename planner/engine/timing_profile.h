#pragma once

#include <map>
#include <string>

#include "planner/base/json_fwd.h"
#include "planner/engine/step_time.h"

namespace headroom {

/// A parameter's prior and what it may be.
struct NumberRange {
    double low = 0.0;
    double prior = 0.0;
    double high = 0.0;
};
NumberRange range_of(GpuNumber number);
NumberRange range_of(FrameworkNumber number);
GpuTiming prior_gpu_timing();
FrameworkTiming prior_framework_timing();

/// The family of a kind of GPU (by its name or its chip) or of a framework; empty: it has none.
std::string_view gpu_family(std::string_view kind);
std::string_view framework_family(std::string_view framework);

/// Half-width of a band as factors on a prediction: low * predicted .. high * predicted.
struct BandFactors {
    double low = 0.8;
    double high = 1.25;
    std::int64_t rows = 0;  ///< it was calibrated on
};

/// Fitted numbers by kind of GPU and by framework, and the bands of predictions made with them.
struct TimingProfile {
    std::map<std::string, GpuTiming> gpus{};
    std::map<std::string, FrameworkTiming> frameworks{};
    std::map<std::string, BandFactors> bands{};
    std::map<std::string, std::string> fitted_on{};  ///< rows, by parameter set
    std::map<std::string, std::string> sources{};

    /// The set of that name, else its family's, else the prior.
    [[nodiscard]] GpuTiming gpu(const std::string& kind) const;
    [[nodiscard]] FrameworkTiming framework(const std::string& name) const;
    /// The first of the names that has a band, else a wide one.
    [[nodiscard]] BandFactors band(std::initializer_list<std::string> names) const;
};

Json to_json(const TimingProfile& profile);
/// Throws InputError: unknown parameters, values outside their range.
TimingProfile timing_profile_from_json(const JsonCursor& json);

}  // namespace headroom
