#include "planner/score/prediction.h"

#include <fmt/format.h>

#include "planner/base/error.h"

namespace headroom {
namespace {

bool wants_reserved(const MeasuredRow& row) {
    return row.reserved_gib || row.stat != MemoryStat::allocated;
}

void score_memory(ScoredRow& out) {
    const MeasuredRow& row = *out.row;
    const auto& e = out.expressed;
    if (!row.peak_gib && !row.out_of_memory) return;
    const Replay replay = wants_reserved(row) ? Replay::allocator : Replay::none;
    // Whether a run fits is a question to its fullest stage, whichever one prints.
    EngineSettings settings = e.settings;
    if (row.out_of_memory) settings.measured = ReportedStage::worst;
    out.memory = engine_memory(e.request, *e.engine, settings, replay);
    const Bytes of_stat = row.stat == MemoryStat::allocated  ? out.memory->allocated
                          : row.stat == MemoryStat::reserved ? out.memory->reserved
                                                             : out.memory->process;
    if (row.peak_gib) {
        out.gib = Figure{.measured = *row.peak_gib, .predicted = in_gib(of_stat)};
    }
    if (row.reserved_gib) {
        out.reserved_gib =
            Figure{.measured = *row.reserved_gib, .predicted = in_gib(out.memory->reserved)};
    }
}

void refuse(ScoredRows& out, const MeasuredRow& row, std::string reason) {
    UnscoredRow& entry = out.unscored.emplace_back();
    entry.row = &row;
    entry.reason = std::move(reason);
}

}  // namespace

ScoredRows work_out(const std::vector<MeasuredRow>& rows, const Library& library) {
    ScoredRows out;
    for (const auto& row : rows) {
        auto expressed = express(row, library);
        if (const auto* why = std::get_if<Unexpressed>(&expressed)) {
            refuse(out, row, why->reason);
            continue;
        }
        if (!row.peak_gib && !row.step_seconds && !row.out_of_memory) {
            refuse(out, row, "the row has neither a peak nor a step time");
            continue;
        }
        ScoredRow scored{.row = &row, .expressed = std::get<ExpressedRow>(std::move(expressed))};
        try {
            validate(scored.expressed.request);
            score_memory(scored);
            if (row.step_seconds) {
                const auto& e = scored.expressed;
                scored.step = timed_step(e.request, *e.engine, e.settings);
                scored.seconds = Figure{.measured = *row.step_seconds};
            }
        } catch (const std::exception& error) {
            refuse(out, row, error.what());
            continue;
        }
        out.scored.push_back(std::move(scored));
    }
    return out;
}

}  // namespace headroom
