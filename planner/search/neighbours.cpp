#include "planner/search/neighbours.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "planner/base/error.h"
#include "planner/spec/knob.h"

namespace headroom {
namespace {

/// A turn of one knob; false when it has no next value.
struct Turn {
    const char* knob;
    std::function<bool(PlanRequest&)> apply;
};

/// Multiplies or divides a degree and lets the data degree take up the difference.
bool trade(PlanRequest& r, std::int64_t ParallelLayout::*degree, bool up) {
    auto& value = r.layout.*degree;
    const std::int64_t batch = r.layout.data * r.train.accumulation;
    if (up ? r.layout.data % 2 != 0 : value % 2 != 0) return false;
    value = up ? value * 2 : value / 2;
    r.layout.data = up ? r.layout.data / 2 : r.layout.data * 2;
    if (batch % r.layout.data != 0) return false;
    r.train.accumulation = batch / r.layout.data;
    r.layout.sequence_parallel = r.layout.tensor > 1;
    return true;
}

bool resize(PlanRequest& r, bool up) {
    auto& micro = r.train.micro_batch;
    auto& steps = r.train.accumulation;
    if (up ? steps % 2 != 0 : micro % 2 != 0) return false;
    micro = up ? micro * 2 : micro / 2;
    steps = up ? steps / 2 : steps * 2;
    return true;
}

/// Chunks of layers a stage holds; more than one is the interleaved schedule.
bool turn_interleave(PlanRequest& r, bool up) {
    auto& chunks = r.layout.interleave;
    const bool legal = up ? r.layout.pipeline > 1 : chunks % 2 == 0;
    chunks = up ? chunks * 2 : chunks / 2;
    r.layout.schedule = chunks > 1 ? PipelineSchedule::interleaved : PipelineSchedule::one_f_one_b;
    return legal;
}

bool turn_recompute(PlanRequest& r, RecomputeMode mode) {
    if (r.recompute.mode == mode) return false;
    r.recompute = {.mode = mode};
    return true;
}

bool turn_zero(PlanRequest& r, int by) {
    r.layout.zero += by;
    if (r.layout.zero != 3) r.layout.shard = 0;
    return r.layout.zero >= 0 && r.layout.zero <= 3 && r.layout.replicas() > 1;
}

bool turn_tier(Tier& tier, int by) {
    const int next = static_cast<int>(tier) + by;
    if (next < 0 || next > 2) return false;
    tier = static_cast<Tier>(next);
    return true;
}

const std::vector<Turn>& turns() {
    static const std::vector<Turn> kTurns{
        {"tensor", [](auto& r) { return trade(r, &ParallelLayout::tensor, true); }},
        {"tensor", [](auto& r) { return trade(r, &ParallelLayout::tensor, false); }},
        {"pipeline", [](auto& r) { return trade(r, &ParallelLayout::pipeline, true); }},
        {"pipeline", [](auto& r) { return trade(r, &ParallelLayout::pipeline, false); }},
        {"context", [](auto& r) { return trade(r, &ParallelLayout::context, true); }},
        {"context", [](auto& r) { return trade(r, &ParallelLayout::context, false); }},
        {"interleave", [](auto& r) { return turn_interleave(r, true); }},
        {"interleave", [](auto& r) { return turn_interleave(r, false); }},
        {"micro_batch", [](auto& r) { return resize(r, true); }},
        {"micro_batch", [](auto& r) { return resize(r, false); }},
        {"recompute", [](auto& r) { return turn_recompute(r, RecomputeMode::none); }},
        {"recompute", [](auto& r) { return turn_recompute(r, RecomputeMode::selective); }},
        {"recompute", [](auto& r) { return turn_recompute(r, RecomputeMode::layer); }},
        {"zero", [](auto& r) { return turn_zero(r, 1); }},
        {"zero", [](auto& r) { return turn_zero(r, -1); }},
        {"offload_optimizer", [](auto& r) { return turn_tier(r.offload.optimizer, 1); }},
        {"offload_optimizer", [](auto& r) { return turn_tier(r.offload.optimizer, -1); }},
        {"offload_parameters", [](auto& r) { return turn_tier(r.offload.parameters, 1); }},
        {"offload_parameters", [](auto& r) { return turn_tier(r.offload.parameters, -1); }},
        {"expert", [](auto& r) { return r.model.moe.has_value() && (r.layout.expert *= 2, true); }},
        {"expert",
         [](auto& r) { return r.layout.expert % 2 == 0 && (r.layout.expert /= 2, true); }},
        {"loss",
         [](auto& r) {
             const bool turned = r.train.loss != LossKind::unfused;
             r.train.loss = LossKind::unfused;
             return turned;
         }},
    };
    return kTurns;
}

/// Whether a request asks for no more than is offered.
bool offered(const PlanRequest& r, const Abilities& able) {
    const auto within = [](std::int64_t degree, Offered offer) {
        return degree == 1 || offer == Offered::yes;
    };
    return r.layout.zero <= able.zero && within(r.layout.tensor, able.tensor) &&
           within(r.layout.context, able.context) && within(r.layout.pipeline, able.pipeline) &&
           within(r.layout.expert, able.expert) && r.offload.optimizer <= able.optimizer &&
           r.offload.parameters <= able.parameters;
}

/// Whether a turn left alone whatever is pinned: some turn several knobs at once.
bool holds(const PlanRequest& before, const PlanRequest& after,
           const std::vector<std::string>& pinned) {
    return std::ranges::all_of(pinned, [&](const std::string& name) {
        return knob(name).get(before) == knob(name).get(after);
    });
}

std::string lacking(const Estimate& it, const Plan& plan) {
    const auto& gpu = plan.request.hardware.profile;
    if (it.device > gpu.memory_capacity) {
        return "needs " + to_string(it.device - gpu.memory_capacity) + " more than the GPU has";
    }
    if (auto shortage = node_shortage(it, gpu.node); !shortage.empty()) return shortage;
    const double ratio = it.step / plan.predicted.cost.step;
    if (ratio > 1.0005) return fmt::format("{:.1f} % slower", (ratio - 1.0) * 100.0);
    const Bytes more = it.device - plan.predicted.band.expected;
    const bool faster = ratio < 0.9995;
    const std::string speed =
        faster ? fmt::format("{:.1f} % faster", (1.0 - ratio) * 100.0) : "as fast";
    if (!it.safe) return speed + ", but not at the high end of its band";
    if (more <= Bytes{}) return speed;
    return faster ? speed + ", needs " + to_string(more) + " more"
                  : "needs " + to_string(more) + " more, no faster";
}

}  // namespace

std::string node_shortage(const Estimate& need, const NodeProfile& node) {
    if (need.host_node > node.host_ram) {
        return "needs " + to_string(need.host_node - node.host_ram) + " more host memory";
    }
    if (need.nvme_node > node.nvme_capacity) {
        return "needs " + to_string(need.nvme_node - node.nvme_capacity) + " more NVMe";
    }
    return {};
}

std::vector<Step> steps_from(const PlanRequest& request, const std::vector<std::string>& pinned,
                             const Abilities& able) {
    std::vector<Step> out;
    for (const auto& turn : turns()) {
        Step step{turn.knob, request};
        const bool turned = turn.apply(step.request);
        if (!turned || !offered(step.request, able) || !holds(request, step.request, pinned)) {
            continue;
        }
        const OffloadSpec& places = step.request.offload;
        const bool drives = places.optimizer == Tier::nvme || places.parameters == Tier::nvme;
        if (drives && !has_drives(request.hardware.profile)) continue;
        try {
            validate(step.request);
        } catch (const InputError&) {
            continue;  // not a legal configuration, so no neighbour
        }
        out.push_back(std::move(step));
    }
    return out;
}

std::vector<Neighbour> neighbours(const Plan& plan, const std::vector<std::string>& pinned,
                                  const Abilities& able) {
    std::vector<Neighbour> out;
    for (const auto& [turned, request] : steps_from(plan.request, pinned, able)) {
        const Estimate it = estimate(request);
        out.push_back({.knob = turned,
                       .value = to_string(knob(turned).get(request)),
                       .lacks = lacking(it, plan),
                       .fits = it.fits,
                       .safe = it.safe,
                       .memory = it.device,
                       .step = it.step});
    }
    return out;
}

}  // namespace headroom
