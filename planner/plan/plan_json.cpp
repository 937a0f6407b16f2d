#include "planner/plan/plan_json.h"
#include "planner/base/json.h"
#include "planner/plan/measurement.h"

namespace headroom {
namespace {

constexpr std::int64_t kPlanFormat = 1;

Json device_json(const MemoryBreakdown& device) {
    Json out = Json::object();
    for (std::size_t i = 0; i < kRoles; ++i) {
        out[std::string(kRoleNames[i])] = device.by_role[i].count();
    }
    out["reserved"] = device.reserved.count();
    out["total"] = device.total().count();
    return out;
}

Json peak_json(const RankMemory& rank) {
    return {{"op", rank.peak_op},
            {"phase", name(rank.peak_phase)},
            {"layer", rank.peak_layer},
            {"stage", rank.stage}};
}

/// "capacity" is a node's, as "node" is; "rank" is the worst rank's share.
Json place_json(Bytes rank, Bytes node, Bytes capacity) {
    return {{"rank", rank.count()}, {"node", node.count()}, {"capacity", capacity.count()}};
}

/// "teacher" is a part of "parameters".
Json memory_json(const Prediction& predicted) {
    const auto& rank = predicted.worst_rank();
    Json device = device_json(rank.device);
    device["capacity"] = predicted.capacity.count();
    if (predicted.teacher > Bytes{}) device["teacher"] = predicted.teacher.count();
    return {{"device", device},
            {"host", place_json(rank.host, predicted.host_node, predicted.host_capacity)},
            {"nvme", place_json(rank.nvme, predicted.nvme_node, predicted.nvme_capacity)}};
}

Json time_json(const CostBreakdown& cost) {
    return {{"compute", cost.compute.count()},
            {"exposed_communication", cost.exposed_communication.count()},
            {"bubble", cost.bubble.count()},
            {"transfer", cost.transfer.count()},
            {"optimizer", cost.optimizer.count()},
            {"low", cost.step_low.count()},
            {"high", cost.step_high.count()}};
}

Json predicted_json(const Prediction& predicted) {
    const auto& cost = predicted.cost;
    Json out{{"memory_bytes", memory_json(predicted)},
             {"peak", peak_json(predicted.worst_rank())},
             {"parameters", predicted.parameters},
             {"trainable_parameters", predicted.trainable},
             {"model_flops", cost.model_flops.count()},
             {"hardware_flops", cost.hardware_flops.count()},
             {"step_seconds", cost.step.count()},
             {"time_seconds", time_json(cost)},
             {"tokens_per_second", cost.tokens_per_second},
             {"mfu", cost.mfu},
             {"hfu", cost.hfu},
             {"steps", cost.steps},
             {"gpu_hours", cost.gpu_hours},
             {"usd", cost.usd.count()},
             {"energy_kwh", cost.energy_kwh}};
    if (predicted.pruned > 0) out["pruned_parameters"] = predicted.pruned;
    return out;
}

Json verdict_json(const Fits& fits) {
    return {{"fits", true}, {"headroom_bytes", fits.headroom.count()}, {"tight", fits.tight}};
}
Json verdict_json(const Shortfall& shortfall) {
    return {{"fits", false},
            {"missing_bytes", shortfall.missing.count()},
            {"where", shortfall.where},
            {"remedies", shortfall.remedies}};
}

Json band_json(const MemoryBand& band) {
    Json parts = Json::array();
    for (const auto& part : band.parts) {
        parts.push_back({{"part", part.part},
                         {"low_bytes", part.low.count()},
                         {"expected_bytes", part.expected.count()},
                         {"high_bytes", part.high.count()},
                         {"reason", part.reason}});
    }
    return {{"low_bytes", band.low.count()},
            {"expected_bytes", band.expected.count()},
            {"high_bytes", band.high.count()},
            {"parts", parts}};
}

Json stages_json(const Prediction& predicted) {
    Json out = Json::array();
    for (const auto& rank : predicted.stages) {
        out.push_back({{"stage", rank.stage},
                       {"layers", rank.layers},
                       {"in_flight", rank.in_flight},
                       {"device", device_json(rank.device)},
                       {"host_bytes", rank.host.count()},
                       {"nvme_bytes", rank.nvme.count()},
                       {"peak", peak_json(rank)}});
    }
    return out;
}

Json phases_json(const Prediction& predicted) {
    Json out = Json::array();
    for (const auto& phase : predicted.phases) {
        out.push_back({{"phase", phase.phase},
                       {"device_bytes", phase.device.count()},
                       {"host_node_bytes", phase.host.count()},
                       {"nvme_node_bytes", phase.nvme.count()},
                       {"disk_bytes", phase.disk.count()},
                       {"note", phase.note}});
    }
    return out;
}

Json traffic_json(const Prediction& predicted) {
    Json out = Json::array();
    for (const auto& row : predicted.traffic) {
        out.push_back({{"kind", row.kind},
                       {"axis", row.axis},
                       {"sent_bytes", row.sent.count()},
                       {"count", row.count},
                       {"seconds", row.time.count()}});
    }
    return out;
}

/// The request in a plan: the plan's own "format" stands for both.
Json request_json(const PlanRequest& request) {
    Json out = to_json(request);
    out.erase("format");
    return out;
}

StoredPlan read_plan(const JsonCursor& json, const Library& library) {
    json.only({"$schema", "format", "request", "step", "predicted", "verdict", "band", "stages",
               "phases", "traffic", "price", "notes", "engine"});
    StoredPlan plan{.request = request_from_json(json, library)};
    if (const auto step = json.find("step")) plan.digest = step->string_or("digest", "");
    return plan;
}

}  // namespace

Json to_json(const Plan& plan) {
    const auto& predicted = plan.predicted;
    return {
        {"format", kPlanFormat},
        {"request", request_json(plan.request)},
        {"step", {{"digest", predicted.digest}, {"ops", predicted.ops}}},
        {"predicted", predicted_json(predicted)},
        {"verdict", std::visit([](const auto& each) { return verdict_json(each); }, plan.verdict)},
        {"band", band_json(predicted.band)},
        {"stages", stages_json(predicted)},
        {"phases", phases_json(predicted)},
        {"traffic", traffic_json(predicted)},
        {"price", to_json(predicted.cost.price)},
        {"notes", predicted.cost.notes}};
}

StoredPlan plan_from_json(const JsonCursor& json, const Library& library) {
    if (is_measurement(json.value())) json.fail("is a measurement, not a plan");
    if (const auto best = json.find("best")) {
        // Searched for a framework, the plan is the one that was chosen by its forecasts.
        const auto engine = json.find("engine");
        const auto chosen = engine ? engine->find("plan") : std::nullopt;
        return read_plan(chosen ? *chosen : *best, library);
    }
    if (json.value().contains("best")) json.fail("is a search in which nothing fitted");
    if (const auto measured = json.find("measured")) {
        measured->fail("holds measurements, which this version does not read");
    }
    if (json.find("request")) return read_plan(json, library);
    return {.request = request_from_json(json, library)};
}

}  // namespace headroom
