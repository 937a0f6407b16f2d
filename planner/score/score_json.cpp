#include "planner/base/json.h"
#include "planner/score/score.h"

namespace headroom {
namespace {

Json to_json(const ErrorSummary& errors) {
    Json json{{"rows", errors.rows}};
    if (errors.rows == 0) return json;
    json["mean"] = errors.mean;
    json["median"] = errors.median;
    json["p90"] = errors.p90;
    json["max"] = errors.max;
    json["bias"] = errors.bias;
    json["coverage"] = errors.coverage;
    return json;
}

Json to_json(const ScoreSummary& summary) {
    return {{"memory", to_json(summary.memory)},
            {"reserved", to_json(summary.reserved)},
            {"time", to_json(summary.time)},
            {"time_left_out", to_json(summary.time_left_out)}};
}

Json to_json(const std::map<std::string, ScoreSummary>& parts) {
    Json json = Json::object();
    for (const auto& [key, summary] : parts) json[key] = to_json(summary);
    return json;
}

Json to_json(const Figure& figure) {
    return {{"measured", figure.measured},
            {"predicted", figure.predicted},
            {"error", figure.error()},
            {"band", {figure.low, figure.high}},
            {"inside", figure.inside()}};
}

Json row_json(const ScoredRow& scored) {
    const MeasuredRow& row = *scored.row;
    const Engine& engine = *scored.expressed.engine;
    Json json{{"id", row.id},
              {"group", row.group},
              {"regime", row.regime},
              {"gpu", row.gpu_key},
              {"framework", row.framework},
              {"engine", {{"id", engine.id}, {"version", engine.version}}}};
    if (scored.gib) {
        json["memory"] = to_json(*scored.gib);
        json["memory"]["statistic"] = name(row.stat);
    }
    if (scored.memory) {
        const EngineMemory& m = *scored.memory;
        json["parts_gib"] = {{"states", in_gib(m.states)},
                             {"buffers", in_gib(m.buffers)},
                             {"transient", in_gib(m.transient)},
                             {"allocated", in_gib(m.allocated)},
                             {"reserved", in_gib(m.reserved)},
                             {"process", in_gib(m.process)},
                             {"stage", m.stage}};
        json["out_of_memory_probability"] = scored.out_of_memory;
        json["fits"] = scored.fits;
    }
    if (scored.reserved_gib) json["reserved"] = to_json(*scored.reserved_gib);
    if (scored.seconds) json["time"] = to_json(*scored.seconds);
    if (scored.seconds_left_out) {
        json["time"]["left_out"] = {{"predicted", scored.seconds_left_out->predicted},
                                    {"error", scored.seconds_left_out->error()}};
    }
    return json;
}

}  // namespace

Json to_json(const Score& score) {
    Json json{
        {"format", 1},
        {"summary", to_json(score.summary)},
        {"groups", to_json(score.by_group)},
        {"regimes", to_json(score.by_regime)},
        {"gpus", to_json(score.by_gpu)},
        {"frameworks", to_json(score.by_framework)},
        {"baselines",
         {{"bytes_16", to_json(score.baselines.sixteen)},
          {"megatron", to_json(score.baselines.megatron)},
          {"constant_efficiency", to_json(score.baselines.constant)}}},
        {"held_out_coverage",
         {{"memory", score.held_out_memory_coverage}, {"time", score.held_out_time_coverage}}},
        {"fits_said_of_out_of_memory", score.called_fitting_but_ran_out}};
    json["run_totals"] = Json::array();
    for (const auto& run : score.run_totals) {
        json["run_totals"].push_back({{"name", run.name},
                                      {"source", run.source},
                                      {"measured_gpu_hours", run.measured_hours},
                                      {"predicted_gpu_hours", run.predicted_hours},
                                      {"error", run.error()},
                                      {"usd_per_gpu_hour", run.usd_per_gpu_hour}});
    }
    json["rows"] = Json::array();
    for (const auto& row : score.rows.scored) json["rows"].push_back(row_json(row));
    json["unscored"] = Json::array();
    for (const auto& row : score.rows.unscored) {
        json["unscored"].push_back(
            {{"id", row.row->id}, {"group", row.row->group}, {"reason", row.reason}});
    }
    return json;
}

}  // namespace headroom
