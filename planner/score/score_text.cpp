#include <fmt/format.h>

#include "planner/score/score.h"

namespace headroom {
namespace {

std::string cells(const ErrorSummary& e) {
    if (e.rows == 0) return fmt::format("{:>5}", "-");
    return fmt::format("{:>5} {:>7.1f} {:>7.1f} {:>7.1f} {:>7.1f} {:>+7.1f} {:>6.0f}", e.rows,
                       100.0 * e.mean, 100.0 * e.median, 100.0 * e.p90, 100.0 * e.max,
                       100.0 * e.bias, 100.0 * e.coverage);
}

std::string line(std::string_view label, const ErrorSummary& e) {
    return e.rows == 0 ? "" : fmt::format("  {:<24} {}\n", label, cells(e));
}

std::string table_head(std::string_view title) {
    return fmt::format("\n{:<26} {:>5} {:>7} {:>7} {:>7} {:>7} {:>7} {:>6}\n", title, "rows",
                       "mean", "median", "p90", "max", "bias", "inside");
}

enum class Kind : std::uint8_t { memory, time };

std::string part_text(std::string_view title, const std::map<std::string, ScoreSummary>& parts,
                      Kind kind) {
    std::string text = table_head(title);
    for (const auto& [key, summary] : parts) {
        text += line(key, kind == Kind::memory ? summary.memory : summary.time);
    }
    return text;
}

}  // namespace

std::string score_text(const Score& score) {
    const auto& s = score.summary;
    std::string text =
        fmt::format("{} rows scored, {} not; errors in percent of the measured value\n",
                    score.rows.scored.size(), score.rows.unscored.size());
    text += table_head("All rows");
    text += line("memory", s.memory) + line("reserved memory", s.reserved);
    text += line("step time", s.time) + line("step time, model left out", s.time_left_out);
    text += line("memory by 16 bytes", score.baselines.sixteen);
    text += line("memory by Megatron", score.baselines.megatron);
    text += line("time by one efficiency", score.baselines.constant);
    text += part_text("Memory by group", score.by_group, Kind::memory);
    text += part_text("Memory by framework", score.by_framework, Kind::memory);
    text += part_text("Memory by regime", score.by_regime, Kind::memory);
    text += part_text("Memory by GPU", score.by_gpu, Kind::memory);
    text += part_text("Time by group", score.by_group, Kind::time);
    text += part_text("Time by framework", score.by_framework, Kind::time);
    text += part_text("Time by regime", score.by_regime, Kind::time);
    text += part_text("Time by GPU", score.by_gpu, Kind::time);
    if (!score.rows.unscored.empty()) text += "\nNot scored\n";
    for (const auto& row : score.rows.unscored) {
        text += fmt::format("  {:<40} {}\n", row.row->id, row.reason);
    }
    return text;
}

}  // namespace headroom
