#include <algorithm>
#include <optional>

#include "planner/plan/layer_runs.h"
#include "planner/plan/stage_profile.h"

namespace headroom {
namespace {

/// Units kept at each end of a run: the ends differ from the middle by what is fetched ahead, sent
/// behind, and by the layer beside the embedding or the head.
std::int64_t units_at_each_end(const PlanRequest& request) {
    return std::max<std::int64_t>(2, request.layout.prefetch + 1) + 1;
}

Bytes extend(Bytes a, Bytes b, std::int64_t more) { return a + (b - a) * more; }
Seconds extend(Seconds a, Seconds b, std::int64_t more) {
    return a + (b - a) * static_cast<double>(more);
}
Flops extend(Flops a, Flops b, std::int64_t more) {
    return a + (b - a) * static_cast<double>(more);
}
std::int64_t extend(std::int64_t a, std::int64_t b, std::int64_t more) {
    return a + (b - a) * more;
}
RoleBytes extend(const RoleBytes& a, const RoleBytes& b, std::int64_t more) {
    RoleBytes out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = extend(a[i], b[i], more);
    return out;
}
Work extend(const Work& a, const Work& b, std::int64_t more) {
    return {extend(a.model, b.model, more), extend(a.matrix, b.matrix, more),
            extend(a.vector, b.vector, more), extend(a.moved, b.moved, more)};
}
PhaseTimes extend(const PhaseTimes& a, const PhaseTimes& b, std::int64_t more) {
    return {extend(a.forward, b.forward, more), extend(a.backward, b.backward, more),
            extend(a.update, b.update, more)};
}
TimeClasses extend(const TimeClasses& a, const TimeClasses& b, std::int64_t more) {
    return {extend(a.compute, b.compute, more),
            extend(a.optimizer, b.optimizer, more),
            extend(a.exposed_communication, b.exposed_communication, more),
            extend(a.exposed_transfer, b.exposed_transfer, more),
            extend(a.communication, b.communication, more),
            extend(a.transfer, b.transfer, more)};
}

StepCost extend(const StepCost& a, const StepCost& b, std::int64_t more) {
    StepCost out;
    out.step = extend(a.step, b.step, more);
    out.total = extend(a.total, b.total, more);
    out.micro = extend(a.micro, b.micro, more);
    out.classes = extend(a.classes, b.classes, more);
    for (std::size_t i = 0; i < out.work.size(); ++i) {
        out.work[i] = extend(a.work[i], b.work[i], more);
    }
    for (std::size_t k = 0; k < out.traffic.size(); ++k) {
        for (std::size_t x = 0; x < out.traffic[k].size(); ++x) {
            const Traffic& from = a.traffic[k][x];
            const Traffic& to = b.traffic[k][x];
            out.traffic[k][x] = {extend(from.sent, to.sent, more),
                                 extend(from.count, to.count, more),
                                 extend(from.time, to.time, more)};
        }
    }
    for (std::size_t i = 0; i < out.copied.size(); ++i) {
        out.copied[i] = extend(a.copied[i], b.copied[i], more);
    }
    return out;
}

/// One stretch of the op list: forward, backward, the gradient norm, the update.
struct Section {
    std::size_t begin = 0;
    std::size_t end = 0;
    [[nodiscard]] std::size_t size() const { return end - begin; }
};

int section_of(const OpNode& node) {
    if (node.phase == Phase::update) {
        const bool before = std::holds_alternative<GradNorm>(node.op) ||
                            std::holds_alternative<MaskGradient>(node.op);
        return before ? 2 : 3;
    }
    return static_cast<int>(node.phase);
}

std::vector<Section> sections(const StepGraph& graph) {
    std::vector<Section> out;
    for (std::size_t at = 0; at < graph.ops.size(); ++at) {
        const bool same = at > 0 && section_of(graph.ops[at]) == section_of(graph.ops[at - 1]);
        if (!same) out.push_back({at, at});
        out.back().end = at + 1;
    }
    return out;
}

/// Matches every op of the short graph with its op in the one that is a unit longer: before the
/// middle of a section at the same place, after it later by what one unit adds.
class Alignment {
public:
    Alignment(const ShortStage& stage, std::int64_t ends, const StepGraph& a, const StepGraph& b)
        : match_(a.ops.size()), late_(a.ops.size(), false) {
        const auto from = sections(a);
        const auto to = sections(b);
        holds_ = from.size() == to.size();
        const std::int64_t middle = stage.first + ends * stage.unit;
        for (std::size_t i = 0; holds_ && i < from.size(); ++i) {
            align(a, b, from[i], to[i], middle);
        }
    }

    /// Whether the two graphs match op by op.
    [[nodiscard]] bool holds() const { return holds_; }
    [[nodiscard]] std::size_t match(std::size_t op) const { return match_[op]; }
    /// Whether an op lies after the middle, so that its layer moves with the length.
    [[nodiscard]] bool late(std::size_t op) const { return late_[op]; }

private:
    void align(const StepGraph& a, const StepGraph& b, Section from, Section to,
               std::int64_t middle) {
        if (to.size() < from.size()) {
            holds_ = false;
            return;
        }
        const bool descends = a.ops[from.begin].phase == Phase::backward;
        const auto wanted = static_cast<std::int32_t>(descends ? middle - 1 : middle);
        std::size_t cut = from.begin;
        while (cut < from.end && a.ops[cut].layer != wanted) ++cut;
        const std::size_t shift = to.size() - from.size();
        for (std::size_t at = from.begin; at < from.end; ++at) {
            const bool after = at >= cut;
            match_[at] = to.begin + (at - from.begin) + (after ? shift : 0);
            late_[at] = descends ? !after : after;
            holds_ = holds_ && a.ops[at].op.index() == b.ops[match_[at]].op.index();
        }
    }

    std::vector<std::size_t> match_;
    std::vector<bool> late_;
    bool holds_ = true;
};

/// A stage cut to two short ones, a unit of layers apart.
class ShortGraphs {
public:
    ShortGraphs(const PlanRequest& request, const Stage& stage) {
        const std::int64_t ends = units_at_each_end(request);
        small_ = shortened(request, stage, 2 * ends);
        if (!small_ || small_->removed < 2) return;
        large_ = shortened(request, stage, 2 * ends + 1);
        a_.emplace(lower_stage(small_->request, small_->stage));
        b_.emplace(lower_stage(large_->request, large_->stage));
        alignment_.emplace(*small_, ends, a_->lowering.graph, b_->lowering.graph);
    }

    /// Whether there are two and they match op by op; nothing else may be asked otherwise.
    [[nodiscard]] bool alike() const { return alignment_ && alignment_->holds(); }
    [[nodiscard]] const LoweredStage& shorter() const { return *a_; }
    [[nodiscard]] const LoweredStage& longer() const { return *b_; }
    [[nodiscard]] const Alignment& alignment() const { return *alignment_; }
    /// Units that the shorter one lacks.
    [[nodiscard]] std::int64_t more() const { return small_->removed; }
    [[nodiscard]] std::int64_t more_layers() const { return small_->removed * small_->unit; }

private:
    std::optional<ShortStage> small_{};
    std::optional<ShortStage> large_{};
    std::optional<LoweredStage> a_{};  ///< its lowering refers to the request of `small_`
    std::optional<LoweredStage> b_{};
    std::optional<Alignment> alignment_{};
};

/// Every position's bytes at the full length; the largest is the peak.
Peak extended_peak(const Alignment& alignment, const MemoryTimeline& a, const MemoryTimeline& b,
                   std::int64_t more) {
    Peak best;
    for (std::size_t at = 0; at < a.at.size(); ++at) {
        const RoleBytes live = extend(a.at[at], b.at[alignment.match(at)], more);
        const Bytes sum = total(live);
        if (sum > best.total) best = {sum, live, at};
    }
    return best;
}

StageProfile extend(const StageProfile& a, const StageProfile& b, std::int64_t more) {
    StageProfile out;
    out.persistent = extend(a.persistent, b.persistent, more);
    out.kept = extend(a.kept, b.kept, more);
    out.host_kept = extend(a.host_kept, b.host_kept, more);
    out.nvme = extend(a.nvme, b.nvme, more);
    out.cost = extend(a.cost, b.cost, more);
    out.ops = extend(a.ops, b.ops, more);
    return out;
}

/// Says where the peak is, in layers of the full length.
void name_peak(StageProfile& profile, const StepGraph& graph, std::int64_t moved) {
    const OpNode& node = graph.ops[profile.device.op];
    profile.peak_phase = node.phase;
    profile.peak_layer =
        node.layer < 0 ? node.layer : node.layer + static_cast<std::int32_t>(moved);
    profile.peak_op = std::string(name(node.op));
}

}  // namespace

StageProfile extended_profile(const PlanRequest& request, const Stage& stage,
                              const TimeModel& model) {
    const ShortGraphs graphs(request, stage);
    if (!graphs.alike()) return profile_stage(request, stage, model);
    const LoweredStage& a = graphs.shorter();
    const LoweredStage& b = graphs.longer();
    StageProfile out = extend(profile_graph(a, model), profile_graph(b, model), graphs.more());
    const auto peak_at = [&](Place place) {
        return extended_peak(graphs.alignment(), memory_timeline(a.lowering.graph, a.lives, place),
                             memory_timeline(b.lowering.graph, b.lives, place), graphs.more());
    };
    out.device = peak_at(Place::device);
    out.host = peak_at(Place::host);
    name_peak(out, a.lowering.graph,
              graphs.alignment().late(out.device.op) ? graphs.more_layers() : 0);
    return out;
}

std::vector<StepCost> extended_costs(const PlanRequest& request, const Stage& stage,
                                     std::span<const TimeModel> models) {
    std::vector<StepCost> costs;
    const ShortGraphs graphs(request, stage);
    if (!graphs.alike()) {
        const Lowering whole = lower(request, stage, false);
        for (const auto& model : models) costs.push_back(simulate(whole.graph, model));
        return costs;
    }
    for (const auto& model : models) {
        costs.push_back(extend(simulate(graphs.shorter().lowering.graph, model),
                               simulate(graphs.longer().lowering.graph, model), graphs.more()));
    }
    return costs;
}

}  // namespace headroom
