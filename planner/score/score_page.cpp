#include "planner/score/score_page.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "planner/score/baselines.h"
#include "planner/score/weak_scaling.h"
#include "planner/score/weaknesses.h"

namespace headroom {
namespace {

/// What the project set out to reach.
struct Target {
    std::string_view text;
    double reached;
    double limit;
    bool absolute = false;
};

std::string percent(double ratio) { return fmt::format("{:.1f}", 100.0 * ratio); }

std::string row_of(std::string_view label, const ErrorSummary& e) {
    if (e.rows == 0) return {};
    return fmt::format("| {} | {} | {} | {} | {} | {} | {:+.1f} | {:.0f} |\n", label, e.rows,
                       percent(e.mean), percent(e.median), percent(e.p90), percent(e.max),
                       100.0 * e.bias, 100.0 * e.coverage);
}

std::string page_head(std::string_view title) {
    return fmt::format(
        "\n| {} | rows | mean | median | p90 | max | bias | inside band |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|\n",
        title);
}

std::string part(std::string_view title, const std::map<std::string, ScoreSummary>& parts,
                 ErrorSummary ScoreSummary::*which) {
    std::string rows;
    for (const auto& [key, summary] : parts) rows += row_of(key, summary.*which);
    return rows.empty() ? std::string() : page_head(title) + rows;
}

std::string summary_section(const Score& score) {
    const auto& s = score.summary;
    std::string text = page_head("all rows");
    text += row_of("memory", s.memory);
    text += row_of("reserved memory beside allocated", s.reserved);
    text += row_of("step time", s.time);
    text += row_of("step time, the row's model left out of the fit", s.time_left_out);
    text += row_of("*memory by 16 bytes a parameter and 34 sbh*", score.baselines.sixteen);
    text += row_of("*memory by Megatron's formula*", score.baselines.megatron);
    text += row_of(fmt::format("*time by {:.0f} % of every peak*", 100.0 * kConstantEfficiency),
                   score.baselines.constant);
    return text;
}

ErrorSummary part_of(const std::map<std::string, ScoreSummary>& parts, const std::string& key,
                     ErrorSummary ScoreSummary::*which) {
    const auto found = parts.find(key);
    return found != parts.end() ? found->second.*which : ErrorSummary{};
}

std::string target_section(const Score& score) {
    const auto& s = score.summary;
    const ErrorSummary b200 = part_of(score.by_group, "simumax", &ScoreSummary::memory);
    const ErrorSummary tuned =
        part_of(score.by_regime, "single-gpu-finetune", &ScoreSummary::memory);
    const ErrorSummary vtrain = part_of(score.by_group, "vtrain", &ScoreSummary::time_left_out);
    const ErrorSummary held = part_of(score.by_group, "simumax", &ScoreSummary::reserved);
    const WeakScaling growth = weak_scaling(score.rows, "dgxc-benchmarking");
    const std::array rows{
        Target{"SimuMax B200, allocated, mean", b200.mean, 0.005},
        Target{"SimuMax B200, allocated, max", b200.max, 0.015},
        Target{"SimuMax B200, reserved, mean", held.mean, 0.02},
        Target{"memory of all rows, median", s.memory.median, 0.04},
        Target{"memory of all rows, p90", s.memory.p90, 0.10},
        Target{"memory of all rows, bias", s.memory.bias, 0.02, true},
        Target{"memory of fine-tuning on one GPU, median", tuned.median, 0.06},
        Target{"time with models left out, median", s.time_left_out.median, 0.08},
        Target{"time with models left out, p90", s.time_left_out.p90, 0.20},
        Target{"weak scaling of the dgxc rows (64 to 2,048 GPUs), largest error", growth.max, 0.05},
        Target{"vTrain time with models left out, mean", vtrain.mean, 0.08},
    };
    std::string text =
        "\n## Targets\n\nPercent of the measured value.\n\n| figure | reached | target | |\n"
        "|---|--:|--:|---|\n";
    for (const auto& row : rows) {
        const double size = row.absolute ? std::abs(row.reached) : row.reached;
        text += fmt::format("| {} | {:.2f} | {:.1f} | {} |\n", row.text, 100.0 * row.reached,
                            100.0 * row.limit, size <= row.limit ? "reached" : "missed");
    }
    return text;
}

std::string run_section(const Score& score) {
    if (score.run_totals.empty()) return {};
    std::string text =
        "\n## Whole runs\n\n| run | GPU-hours | predicted | error, % | predicted cost | source |\n"
        "|---|--:|--:|--:|--:|---|\n";
    for (const auto& run : score.run_totals) {
        const double usd = run.predicted_hours * run.usd_per_gpu_hour;
        const std::string cost = usd > 0.0 ? fmt::format("{:.2f} million USD", usd / 1e6) : "";
        text += fmt::format("| {} | {:.3f} million | {:.3f} million | {:+.1f} | {} | {} |\n",
                            run.name, run.measured_hours / 1e6, run.predicted_hours / 1e6,
                            100.0 * run.error(), cost, run.source);
    }
    return text;
}

std::string band_section(const Score& score) {
    return fmt::format(
        "\n## Bands\n\nBands are calibrated on one half of the models, so that nine in ten of "
        "their "
        "rows lie inside. On the other half {:.0f} % of the memory figures and {:.0f} % of the "
        "times lie inside. Rows known to have run out of memory of which \"fits\" was said: {}.\n",
        100.0 * score.held_out_memory_coverage, 100.0 * score.held_out_time_coverage,
        score.called_fitting_but_ran_out);
}

std::string weakness_section() {
    std::string text = "\n## Where it is weak, and why\n\n";
    for (const auto& row : weaknesses())
        text += fmt::format("- **{}**: {}\n", row.where, row.cause);
    return text;
}

std::string unscored_section(const Score& score) {
    std::map<std::string, std::int64_t> reasons;
    for (const auto& row : score.rows.unscored) ++reasons[row.row->group + " | " + row.reason];
    std::string text =
        "\n## Rows that are not scored\n\n| source | reason | rows |\n|---|---|--:|\n";
    for (const auto& [reason, count] : reasons) text += fmt::format("| {} | {} |\n", reason, count);
    return text;
}

}  // namespace

std::string score_page(const Score& score) {
    std::string text = fmt::format(
        "# Accuracy\n\nWritten by `headroom score profiles/measured/measured.json --markdown`; do "
        "not edit. {} published measurements are predicted from what their sources say ran; {} are "
        "not, for the reasons at the end. Errors are in percent of the measured value: predicted / "
        "measured - 1. What is fitted is in `profiles/engines/timing.json`, with the rows it was "
        "fitted on: nine numbers a kind of GPU, eight a framework, none a model, a source or a "
        "row. "
        "Where a framework was measured with fewer than three models, a number of GPUs is left out "
        "instead of a model. How strongly the fit is pulled to its priors was chosen on these "
        "rows. "
        "Inputs that a row's source states and the row does not are in "
        "`profiles/measured/inputs.json`, each with that source. "
        "Facts of the engines, for memory and for time, were looked for where these rows were "
        "missed, and changes were judged by errors with models left out. Memory is not fitted, but "
        "some (workspaces, what libraries hold outside the allocator) are read off "
        "them: only rows kept apart can say how far they carry.\n",
        score.rows.scored.size(), score.rows.unscored.size());
    text += summary_section(score);
    text += "\n![memory](accuracy-memory.svg)\n\n![time](accuracy-time.svg)\n";
    text += target_section(score) + run_section(score) + band_section(score) + weakness_section();
    text += "\n## Memory\n";
    text += part("source", score.by_group, &ScoreSummary::memory);
    text += part("framework", score.by_framework, &ScoreSummary::memory);
    text += part("regime", score.by_regime, &ScoreSummary::memory);
    text += part("GPU", score.by_gpu, &ScoreSummary::memory);
    text += "\n## Time, models left out of the fit in turn\n";
    text += part("source", score.by_group, &ScoreSummary::time_left_out);
    text += part("framework", score.by_framework, &ScoreSummary::time_left_out);
    text += part("regime", score.by_regime, &ScoreSummary::time_left_out);
    text += part("GPU", score.by_gpu, &ScoreSummary::time_left_out);
    return text + unscored_section(score);
}

}  // namespace headroom
