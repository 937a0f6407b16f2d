#include "planner/score/run_totals.h"

#include <filesystem>

#include "planner/base/json.h"
#include "planner/score/timing_fit.h"

namespace headroom {
namespace {

double tokens_of_a_step(const PlanRequest& request) {
    const auto& train = request.train;
    return static_cast<double>(train.micro_batch * train.sequence * train.accumulation *
                               request.layout.data);
}

void add_totals(const std::vector<MeasuredRow>& rows, const Library& library,
                const TimingProfile& profile, std::vector<RunTotal>& out) {
    for (const auto& row : rows) {
        if (!row.gpu_hours || row.total_tokens <= 0.0) continue;
        auto expressed = express(row, library);
        if (!std::holds_alternative<ExpressedRow>(expressed)) continue;
        ScoredRow scored{.row = &row, .expressed = std::get<ExpressedRow>(std::move(expressed))};
        const auto& e = scored.expressed;
        scored.step = timed_step(e.request, *e.engine, e.settings);
        const double steps = row.total_tokens / tokens_of_a_step(e.request);
        const double hours = predicted_seconds(scored, profile) * steps / 3600.0 *
                             static_cast<double>(e.request.hardware.gpus);
        out.push_back({.name = row.model_name,
                       .source = row.source,
                       .measured_hours = *row.gpu_hours,
                       .predicted_hours = hours,
                       .usd_per_gpu_hour = row.usd_per_gpu_hour});
    }
}

}  // namespace

std::vector<RunTotal> run_totals(const std::vector<MeasuredRow>& rows, const Library& library,
                                 const TimingProfile& profile) {
    std::vector<RunTotal> out;
    add_totals(rows, library, profile, out);
    const auto shipped = library.profiles_root / "measured" / "run-totals.json";
    if (!std::filesystem::exists(shipped)) return out;
    const Json document = read_json_file(shipped.string());
    add_totals(measured_rows(JsonCursor(document, "")), library, profile, out);
    return out;
}

}  // namespace headroom
