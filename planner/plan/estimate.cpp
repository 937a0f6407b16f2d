#include "planner/plan/estimate.h"

#include <algorithm>
#include <cmath>

#include "planner/cost/pipeline.h"

namespace headroom {
namespace {

/// Layer kinds decide what a stage lowers to; where its layers lie in the model does not.
bool alike(const ModelSpec& model, const Stage& a, const Stage& b) {
    if (a.has_embedding != b.has_embedding || a.has_head != b.has_head ||
        a.chunks.size() != b.chunks.size()) {
        return false;
    }
    const auto flag = [](const std::vector<bool>& flags, std::int64_t i) {
        return static_cast<std::size_t>(i) < flags.size() && flags[static_cast<std::size_t>(i)];
    };
    for (std::size_t c = 0; c < a.chunks.size(); ++c) {
        const std::int64_t layers = a.chunks[c].last - a.chunks[c].first;
        if (layers != b.chunks[c].last - b.chunks[c].first) return false;
        for (std::int64_t i = 0; i < layers; ++i) {
            const std::int64_t x = a.chunks[c].first + i;
            const std::int64_t y = b.chunks[c].first + i;
            if (model.is_moe_layer(x) != model.is_moe_layer(y)) return false;
            if (flag(model.windowed, x) != flag(model.windowed, y)) return false;
        }
    }
    return true;
}

Bytes times(Bytes bytes, double factor) {
    return Bytes{static_cast<std::int64_t>(std::ceil(bytes.real() * factor))};
}

}  // namespace

std::int64_t communicators(const ParallelLayout& layout) {
    const std::array sizes{layout.replicas(), layout.tensor, layout.context, layout.pipeline,
                           layout.expert};
    return std::ranges::count_if(sizes, [](std::int64_t size) { return size > 1; });
}

bool has_drives(const HardwareProfile& gpu) {
    return gpu.node.nvme_capacity > Bytes{} && gpu.node.nvme_read > Bandwidth{} &&
           gpu.node.nvme_write > Bandwidth{};
}

OutsideMemory outside_memory(const PlanRequest& request) {
    const auto& gpu = request.hardware.profile;
    const std::int64_t groups = communicators(request.layout);
    return {context_of_program(gpu), CommunicatorBytes{}.expected * groups,
            std::max(gpu.context_high, gpu.context) + CommunicatorBytes{}.high * groups};
}

DistinctStages distinct_stages(const PlanRequest& request) {
    DistinctStages out;
    for (std::int64_t i = 0; i < request.layout.pipeline; ++i) {
        const Stage stage = stage_of(request, i);
        const auto found = std::ranges::find_if(
            out.stages, [&](const Stage& other) { return alike(request.model, stage, other); });
        out.of.push_back(static_cast<std::size_t>(found - out.stages.begin()));
        if (found == out.stages.end()) out.stages.push_back(stage);
    }
    return out;
}

double in_flight(const PlanRequest& request, std::int64_t stage) {
    const auto& layout = request.layout;
    if (layout.pipeline == 1) return 1.0;
    const PipelineRun run = pipeline_run(layout, request.train.accumulation);
    const std::int64_t chunks = chunks_in_flight(run, layout.pipeline, stage);
    return static_cast<double>(chunks) / static_cast<double>(run.chunks);
}

StageNeed stage_need(const PlanRequest& request, std::int64_t stage, const StageProfile& profile) {
    StageNeed need{.stage = stage, .in_flight = in_flight(request, stage)};
    const double more = std::max(need.in_flight - 1.0, 0.0);
    for (std::size_t role = 0; role < kRoles; ++role) {
        need.device[role] = profile.device.by_role[role] + times(profile.kept[role], more);
    }
    need.host = profile.host.total + times(profile.host_kept, more);
    need.nvme = profile.nvme;
    return need;
}

std::int64_t ranks_of_node(const PlanRequest& request) {
    return std::min(request.hardware.gpus,
                    std::max<std::int64_t>(request.hardware.profile.node.gpus, 1));
}

namespace {

/// The most that ranks of one node hold together. Ranks of a stage are consecutive, so a node holds
/// those of one stage or of a few.
Bytes fullest_node(const PlanRequest& request, std::span<const StageNeed> stages,
                   Bytes StageNeed::*held) {
    const std::int64_t of_node = ranks_of_node(request);
    const std::int64_t world = request.layout.world();
    const std::int64_t of_stage = world / request.layout.pipeline;
    Bytes most{};
    for (std::int64_t first = 0; first < world; first += of_node) {
        const std::int64_t end = std::min(first + of_node, world);
        Bytes sum{};
        for (std::int64_t stage = first / of_stage; stage * of_stage < end; ++stage) {
            const std::int64_t here =
                std::min(end, (stage + 1) * of_stage) - std::max(first, stage * of_stage);
            sum += stages[static_cast<std::size_t>(stage)].*held * here;
        }
        most = std::max(most, sum);
    }
    return most;
}

}  // namespace

Estimate combine(const PlanRequest& request, const DistinctStages& distinct,
                 std::span<const StageProfile> profiles) {
    Estimate out;
    std::vector<StepCost> costs;
    const OutsideMemory outside = outside_memory(request);
    for (std::size_t i = 0; i < distinct.of.size(); ++i) {
        const StageProfile& profile = profiles[distinct.of[i]];
        out.stages.push_back(stage_need(request, static_cast<std::int64_t>(i), profile));
        const Bytes device = total(out.stages.back().device);
        if (device > out.device) {
            out.device = device;
            out.worst = i;
        }
        costs.push_back(profile.cost);
    }
    const Bytes high = out.device + outside.high;
    out.device += outside.expected();
    out.host_node = fullest_node(request, out.stages, &StageNeed::host);
    out.nvme_node = fullest_node(request, out.stages, &StageNeed::nvme);
    const PipelineCost cost =
        pipelined_step(costs, pipeline_run(request.layout, request.train.accumulation));
    out.step = cost.step;
    out.bubble = cost.bubble;
    out.slowest = cost.slowest;
    const auto& gpu = request.hardware.profile;
    out.fits = out.device <= gpu.memory_capacity && out.host_node <= gpu.node.host_ram &&
               out.nvme_node <= gpu.node.nvme_capacity;
    out.safe = out.fits && high <= gpu.memory_capacity &&
               out.host_node.real() <= gpu.node.host_ram.real() * kHostShare;
    return out;
}

namespace {

Estimate estimate_as_routed(const PlanRequest& request) {
    const TimeModel model(request.hardware.profile, request.layout);
    const DistinctStages distinct = distinct_stages(request);
    std::vector<StageProfile> profiles;
    for (const auto& stage : distinct.stages) {
        profiles.push_back(extended_profile(request, stage, model));
    }
    return combine(request, distinct, profiles);
}

}  // namespace

std::optional<PlanRequest> uneven_routing(const PlanRequest& request) {
    const bool dropless = request.model.moe && request.train.capacity_factor <= 0.0 &&
                          request.model.moe->capacity_factor <= 0.0;
    if (!dropless || request.layout.expert <= 1) return std::nullopt;
    PlanRequest uneven = request;
    uneven.train.moe_imbalance *= kHighImbalance;
    return uneven;
}

Estimate estimate(const PlanRequest& request) {
    Estimate out = estimate_as_routed(request);
    const auto uneven = out.safe ? uneven_routing(request) : std::nullopt;
    if (uneven) out.safe = estimate_as_routed(*uneven).safe;
    return out;
}

}  // namespace headroom
