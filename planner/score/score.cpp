#include "planner/score/score.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "planner/engine/forecast.h"
#include "planner/score/bands.h"
#include "planner/score/baselines.h"
#include "planner/score/timing_fit.h"

namespace headroom {
namespace {

/// One figure beside its measurement.
struct Pair {
    double measured = 0.0;
    double predicted = 0.0;
    bool inside = false;
};

double at_rank(const std::vector<double>& sorted, double part) {
    const auto place = std::ceil(part * static_cast<double>(sorted.size()));
    const auto index = static_cast<std::size_t>(std::max(place, 1.0)) - 1;
    return sorted[std::min(index, sorted.size() - 1)];
}

ErrorSummary summarise(const std::vector<Pair>& pairs) {
    ErrorSummary out{.rows = static_cast<std::int64_t>(pairs.size())};
    if (pairs.empty()) return out;
    std::vector<double> sizes;
    const auto count = static_cast<double>(pairs.size());
    for (const auto& pair : pairs) {
        const double error = pair.predicted / pair.measured - 1.0;
        sizes.push_back(std::abs(error));
        out.bias += error / count;
        out.mean += std::abs(error) / count;
        out.coverage += (pair.inside ? 1.0 : 0.0) / count;
    }
    std::ranges::sort(sizes);
    out.median = at_rank(sizes, 0.5);
    out.p90 = at_rank(sizes, 0.9);
    out.max = sizes.back();
    return out;
}

using Rows = std::vector<const ScoredRow*>;

template <class Choose>
ErrorSummary summary_of(const Rows& rows, Choose choose) {
    std::vector<Pair> pairs;
    for (const auto* row : rows) {
        const std::optional<Figure>& figure = choose(*row);
        if (figure) pairs.push_back({figure->measured, figure->predicted, figure->inside()});
    }
    return summarise(pairs);
}

ScoreSummary summary_of(const Rows& rows) {
    return {.memory = summary_of(
                rows, [](const ScoredRow& r) -> auto& { return r.gib; }),
            .reserved = summary_of(
                rows, [](const ScoredRow& r) -> auto& { return r.reserved_gib; }),
            .time = summary_of(
                rows, [](const ScoredRow& r) -> auto& { return r.seconds; }),
            .time_left_out = summary_of(
                rows, [](const ScoredRow& r) -> auto& { return r.seconds_left_out; })};
}

template <class Key>
std::map<std::string, ScoreSummary> summaries_by(const ScoredRows& rows, Key key) {
    std::map<std::string, Rows> parts;
    for (const auto& row : rows.scored) parts[key(row)].push_back(&row);
    std::map<std::string, ScoreSummary> out;
    for (const auto& [value, members] : parts) out[value] = summary_of(members);
    return out;
}

void apply_band(Figure& figure, const BandFactors& band) {
    figure.low = figure.predicted * band.low;
    figure.high = figure.predicted * band.high;
}

void judge_capacity(ScoredRow& row, const TimingProfile& profile) {
    if (!row.memory) return;
    const auto& gpu = row.expressed.request.hardware.profile;
    const CapacityOdds odds = capacity_odds(row.memory->process, gpu.memory_capacity,
                                            row.expressed.engine->framework, profile);
    row.out_of_memory = odds.out_of_memory;
    row.fits = odds.fits;
}

void apply(ScoredRow& row, const TimingProfile& profile) {
    const BandFactors memory = profile.band({memory_band(row), memory_band_of_all(row), "memory"});
    if (row.gib) apply_band(*row.gib, memory);
    if (row.reserved_gib)
        apply_band(*row.reserved_gib, profile.band({"memory reserved", "memory"}));
    if (row.seconds) {
        row.seconds->predicted = predicted_seconds(row, profile);
        apply_band(*row.seconds, profile.band({time_band(row), "time"}));
    }
    row.baseline = baseline_figures(row.expressed.request);
    judge_capacity(row, profile);
}

/// A framework measured with few models would keep no row at all without one of them: there a
/// number of GPUs is left out instead.
constexpr std::size_t kFewModels = 3;

/// What is left out together with a row: its model, or its model at its number of GPUs. Parts are
/// numbered from 0.
std::vector<std::size_t> parts_of(const ScoredRows& rows) {
    std::map<std::string_view, std::set<std::string_view>> models;
    for (const auto& row : rows.scored) {
        if (row.seconds) {
            models[row.expressed.engine->framework].insert(row.row->model_name);
        }
    }
    std::map<std::pair<std::string_view, std::int64_t>, std::size_t> numbers;
    std::vector<std::size_t> parts;
    for (const auto& row : rows.scored) {
        const bool few = models[row.expressed.engine->framework].size() < kFewModels;
        const std::int64_t gpus = few ? row.expressed.request.hardware.gpus : 0;
        parts.push_back(
            numbers.try_emplace({row.row->model_name, gpus}, numbers.size()).first->second);
    }
    return parts;
}

/// Predicts every row by numbers fitted without its model.
void leave_models_out(ScoredRows& rows, const TimingProfile& fitted_on_all) {
    const std::vector<std::size_t> parts = parts_of(rows);
    const auto part_of = [&](const ScoredRow& row) {
        return parts[static_cast<std::size_t>(&row - rows.scored.data())];
    };
    std::set<std::size_t> timed;
    for (const auto& row : rows.scored) {
        if (row.seconds) timed.insert(part_of(row));
    }
    for (const std::size_t part : timed) {
        const TimingProfile profile = fit_timing(
            rows, [&](const ScoredRow& row) { return part_of(row) != part; }, fitted_on_all);
        for (auto& row : rows.scored) {
            if (!row.seconds || part_of(row) != part) continue;
            row.seconds_left_out = Figure{.measured = row.seconds->measured,
                                          .predicted = predicted_seconds(row, profile)};
        }
    }
}

bool first_half(const ScoredRow& row) { return model_number(row) % 2 == 0; }

void check_held_out(Score& out) {
    Rows other;
    for (const auto& row : out.rows.scored) {
        if (!first_half(row)) other.push_back(&row);
    }
    const ScoreSummary summary = summary_of(other);
    out.held_out_memory_coverage = summary.memory.coverage;
    out.held_out_time_coverage = summary.time.coverage;
}

BaselineSummary baselines_of(const ScoredRows& rows) {
    std::vector<Pair> sixteen;
    std::vector<Pair> megatron;
    std::vector<Pair> constant;
    for (const auto& row : rows.scored) {
        if (row.gib && row.baseline.sixteen_gib) {
            sixteen.push_back({row.gib->measured, *row.baseline.sixteen_gib, false});
            megatron.push_back({row.gib->measured, *row.baseline.megatron_gib, false});
        }
        if (row.seconds && row.baseline.constant_seconds) {
            constant.push_back({row.seconds->measured, *row.baseline.constant_seconds, false});
        }
    }
    return {summarise(sixteen), summarise(megatron), summarise(constant)};
}

}  // namespace

TimingProfile fit_profile(ScoredRows& rows) {
    TimingProfile profile = fit_timing(rows, [](const ScoredRow&) { return true; });
    for (auto& row : rows.scored) {
        if (row.seconds) row.seconds->predicted = predicted_seconds(row, profile);
    }
    calibrate_bands(rows, first_half, profile);
    return profile;
}

Score score(ScoredRows worked, const TimingProfile& profile) {
    Score out{.rows = std::move(worked)};
    for (auto& row : out.rows.scored) apply(row, profile);
    leave_models_out(out.rows, profile);
    for (auto& row : out.rows.scored) {
        if (row.seconds_left_out) {
            apply_band(*row.seconds_left_out, profile.band({time_band(row), "time"}));
        }
    }
    Rows all;
    for (const auto& row : out.rows.scored) {
        all.push_back(&row);
        if (row.row->out_of_memory && row.fits) ++out.called_fitting_but_ran_out;
    }
    out.summary = summary_of(all);
    out.baselines = baselines_of(out.rows);
    out.by_group = summaries_by(out.rows, [](const ScoredRow& r) { return r.row->group; });
    out.by_regime = summaries_by(out.rows, [](const ScoredRow& r) { return r.row->regime; });
    out.by_gpu = summaries_by(out.rows, [](const ScoredRow& r) {
        return r.row->gpu_key.empty() ? std::string("not named") : r.row->gpu_key;
    });
    out.by_framework = summaries_by(
        out.rows, [](const ScoredRow& r) { return std::string(r.expressed.engine->framework); });
    check_held_out(out);
    return out;
}

}  // namespace headroom
