#include "planner/score/bands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace headroom {
namespace {

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
