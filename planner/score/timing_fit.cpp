#include "planner/score/timing_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

namespace headroom {
namespace {

/// Below this relative error rows pull in proportion to their error's square, above to the error.
constexpr double kSoft = 0.03;
/// Cost of a parameter at the end of its range, in rows' errors.
constexpr double kPull = 0.1;
/// Rows of a group count n^(-kCrowd) each.
constexpr double kCrowd = 0.1;
constexpr int kRounds = 60;
constexpr double kFirstStep = 0.15;
constexpr double kShrink = 0.93;

struct FitRow {
    const ScoredRow* row = nullptr;
    double weight = 1.0;
    GpuTiming* gpu = nullptr;
    FrameworkTiming* framework = nullptr;
};

double loss(const FitRow& fit) {
    const double seconds = step_seconds(*fit.row->step, *fit.gpu, *fit.framework);
    const double error = std::log(seconds / fit.row->seconds->measured);
    return fit.weight * (std::sqrt(error * error + kSoft * kSoft) - kSoft);
}

double pull(double value, const NumberRange& range) {
    const double side = value < range.prior ? range.prior - range.low : range.high - range.prior;
    const double away = side > 0.0 ? (value - range.prior) / side : 0.0;
    return kPull * away * away;
}

/// One parameter and the rows that feel it.
struct Dial {
    double* value = nullptr;
    NumberRange range{};
    const std::vector<std::size_t>* rows = nullptr;
};

double cost(const std::vector<FitRow>& rows, const Dial& dial) {
    double sum = pull(*dial.value, dial.range);
    for (const auto i : *dial.rows) sum += loss(rows[i]);
    return sum;
}

void turn(const std::vector<FitRow>& rows, const Dial& dial, double step) {
    const double here = *dial.value;
    double best = cost(rows, dial);
    double chosen = here;
    for (const double side : {-1.0, 1.0}) {
        // Wide ranges are walked in proportion to where they stand.
        const double span = dial.range.high > 3.0 ? std::max(here, dial.range.prior * 0.05) * 2.0
                                                  : dial.range.high - dial.range.low;
        *dial.value = std::clamp(here + side * step * span, dial.range.low, dial.range.high);
        const double now = cost(rows, dial);
        if (now < best - 1e-12) {
            best = now;
            chosen = *dial.value;
        }
    }
    *dial.value = chosen;
}

std::vector<FitRow> fit_rows(const ScoredRows& rows,
                             const std::function<bool(const ScoredRow&)>& uses,
                             TimingProfile& profile) {
    std::map<std::string, double> crowd;
    for (const auto& row : rows.scored) {
        if (row.step && uses(row)) crowd[row.row->group] += 1.0;
    }
    std::vector<FitRow> out;
    for (const auto& row : rows.scored) {
        if (!row.step || !uses(row)) continue;
        const std::string framework(row.expressed.engine->framework);
        auto& gpu = profile.gpus.try_emplace(gpu_kind(row), prior_gpu_timing()).first->second;
        auto& how =
            profile.frameworks.try_emplace(framework, prior_framework_timing()).first->second;
        out.push_back({&row, std::pow(crowd[row.row->group], -kCrowd), &gpu, &how});
    }
    return out;
}

double quantile(std::vector<double> values, double at) {
    std::ranges::sort(values);
    const double place = at * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    const double part = place - static_cast<double>(below);
    return values[below] * (1.0 - part) + values[above] * part;
}

/// Fewer rows than this say nothing about their own tails.
constexpr std::size_t kRowsForABand = 12;

void set_band(TimingProfile& profile, const std::string& key, const std::vector<double>& ratios) {
    if (ratios.size() < kRowsForABand) return;
    // A finite sample hides part of its tails: one row further out at each end.
    const double tail = std::max(0.05 - 1.0 / static_cast<double>(ratios.size()), 0.0);
    const double low = quantile(ratios, tail);
    const double high = quantile(ratios, 1.0 - tail);
    profile.bands[key] = {.low = std::min(low * 0.99, 0.99),
                          .high = std::max(high * 1.01, 1.01),
                          .rows = static_cast<std::int64_t>(ratios.size())};
}

}  // namespace

std::uint64_t model_number(const ScoredRow& row) {
    std::uint64_t hash = 1469598103934665603ULL;  // FNV-1a
    for (const char c : row.row->model_name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
    return hash >> 7U;
}

std::string gpu_kind(const ScoredRow& row) {
    const std::string& key = row.row->gpu_key;
    const HardwareProfile& gpu = row.expressed.request.hardware.profile;
    constexpr std::array<std::string_view, 3> kOneKind{"GA100", "GV100", "GH100"};
    const bool shared = std::ranges::find(kOneKind, std::string_view(gpu.chip)) != kOneKind.end();
    if (shared && !key.starts_with("h100-96")) return gpu.chip;
    return key.empty() ? gpu.id : key;
}

double predicted_seconds(const ScoredRow& row, const TimingProfile& profile) {
    const std::string framework(row.expressed.engine->framework);
    return step_seconds(*row.step, profile.gpu(gpu_kind(row)), profile.framework(framework));
}

TimingProfile fit_timing(const ScoredRows& rows,
                         const std::function<bool(const ScoredRow&)>& uses) {
    TimingProfile profile;
    const auto fits = fit_rows(rows, uses, profile);
    std::map<const void*, std::vector<std::size_t>> felt;
    std::map<const void*, std::set<std::string>> groups;
    for (std::size_t i = 0; i < fits.size(); ++i) {
        for (const void* set :
             {static_cast<const void*>(fits[i].gpu), static_cast<const void*>(fits[i].framework)}) {
            felt[set].push_back(i);
            groups[set].insert(fits[i].row->row->group);
        }
    }
    std::vector<Dial> dials;
    const auto add = [&](const std::string& key, auto& numbers, auto number_type) {
        using Number = decltype(number_type);
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            dials.push_back({&numbers[i], range_of(static_cast<Number>(i)), &felt[&numbers]});
        }
        std::string names;
        for (const auto& group : groups[&numbers]) names += (names.empty() ? "" : ", ") + group;
        profile.fitted_on[key] = fmt::format("{} rows of {}", felt[&numbers].size(), names);
    };
    for (auto& [kind, timing] : profile.gpus) add(kind, timing, GpuNumber{});
    for (auto& [framework, timing] : profile.frameworks) add(framework, timing, FrameworkNumber{});
    double step = kFirstStep;
    for (int round = 0; round < kRounds; ++round, step *= kShrink) {
        for (const auto& dial : dials) turn(fits, dial, step);
    }
    return profile;
}

std::string memory_band_of_all(const ScoredRow& row) {
    return fmt::format("memory {}", name(row.row->stat));
}

std::string memory_band(const ScoredRow& row) {
    return fmt::format("memory {} {}", name(row.row->stat), row.expressed.engine->framework);
}

std::string time_band(const ScoredRow& row) {
    return fmt::format("time {}", row.expressed.engine->framework);
}

void calibrate_bands(const ScoredRows& rows, const std::function<bool(const ScoredRow&)>& uses,
                     TimingProfile& profile) {
    std::map<std::string, std::vector<double>> ratios;
    for (const auto& row : rows.scored) {
        if (!uses(row)) continue;
        if (row.gib) {
            const double ratio = row.gib->measured / row.gib->predicted;
            for (const auto& key :
                 {memory_band(row), memory_band_of_all(row), std::string("memory")}) {
                ratios[key].push_back(ratio);
            }
        }
        if (row.seconds) {
            const double ratio = row.seconds->measured / row.seconds->predicted;
            for (const auto& key : {time_band(row), std::string("time")})
                ratios[key].push_back(ratio);
        }
    }
    for (const auto& [key, values] : ratios) set_band(profile, key, values);
}

}  // namespace headroom
