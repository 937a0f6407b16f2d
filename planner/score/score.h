#pragma once

#include <map>
#include <string>

#include "planner/base/json.h"
#include "planner/score/run_totals.h"
#include "planner/score/timing_fit.h"

namespace headroom {

/// Errors of one kind over some rows; ratios, not percent.
struct ErrorSummary {
    std::int64_t rows = 0;
    double mean = 0.0;  ///< of absolute errors
    double median = 0.0;
    double p90 = 0.0;
    double max = 0.0;
    double bias = 0.0;      ///< mean of signed errors
    double coverage = 0.0;  ///< part of the rows inside their band
};

/// Summaries of one set of rows.
struct ScoreSummary {
    ErrorSummary memory{};
    ErrorSummary reserved{};  ///< beside allocated peaks
    ErrorSummary time{};
    ErrorSummary time_left_out{};  ///< numbers fitted without the row's model
};

/// Baselines over the rows that they and we predict.
struct BaselineSummary {
    ErrorSummary sixteen{};
    ErrorSummary megatron{};
    ErrorSummary constant{};
};

/// Predictions beside measurements, with what they add up to.
struct Score {
    ScoredRows rows{};
    ScoreSummary summary{};
    BaselineSummary baselines{};
    std::map<std::string, ScoreSummary> by_group{};
    std::map<std::string, ScoreSummary> by_regime{};
    std::map<std::string, ScoreSummary> by_gpu{};
    std::map<std::string, ScoreSummary> by_framework{};
    double held_out_memory_coverage = 0.0;  ///< bands of half the models, on the other half
    double held_out_time_coverage = 0.0;
    std::int64_t called_fitting_but_ran_out = 0;
    std::vector<RunTotal> run_totals{};
};

/// Fits a profile to rows: numbers on all of them, bands on every second model.
TimingProfile fit_profile(ScoredRows& rows);

/// Scores rows by a profile. `worked` keeps pointers into the rows it was made from.
Score score(ScoredRows worked, const TimingProfile& profile);

Json to_json(const Score& score);
/// For a person: tables of errors.
std::string score_text(const Score& score);

}  // namespace headroom
