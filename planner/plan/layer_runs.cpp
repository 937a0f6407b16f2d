#include "planner/plan/layer_runs.h"

#include <algorithm>
#include <numeric>

#include "planner/technique/recompute.h"

namespace headroom {
namespace {

constexpr std::int64_t kLongestPattern = 8;

/// What makes two layers differ.
struct LayerKind {
    bool moe = false;
    bool windowed = false;
    bool operator==(const LayerKind&) const = default;
};

std::vector<LayerKind> kinds_of(const ModelSpec& model, LayerRange range) {
    std::vector<LayerKind> kinds;
    for (auto layer = range.first; layer < range.last; ++layer) {
        const auto at = static_cast<std::size_t>(layer);
        kinds.push_back(
            {model.is_moe_layer(layer), at < model.windowed.size() && model.windowed[at]});
    }
    return kinds;
}

/// Layers [first, first + count) repeat with `period`; units start on multiples of `step`.
struct Run {
    std::int64_t first = 0;
    std::int64_t units = 0;
    std::int64_t unit = 1;
};

Run longest_run(const std::vector<LayerKind>& kinds, std::int64_t period, std::int64_t segment) {
    const auto count = static_cast<std::int64_t>(kinds.size());
    Run best{.unit = std::lcm(period, segment)};
    std::int64_t start = 0;
    for (std::int64_t at = 0; at <= count; ++at) {
        const bool breaks = at == count || (at >= start + period &&
                                            kinds[static_cast<std::size_t>(at)] !=
                                                kinds[static_cast<std::size_t>(at - period)]);
        if (!breaks) continue;
        const std::int64_t first = round_up(start, segment);
        const std::int64_t units = std::max<std::int64_t>(at - first, 0) / best.unit;
        if (units > best.units) best = {first, units, best.unit};
        start = std::max(start + 1, at - period + 1);
    }
    return best;
}

/// The run that leaves the fewest layers when cut to `keep` units.
std::optional<Run> run_to_cut(const std::vector<LayerKind>& kinds, std::int64_t segment,
                              std::int64_t keep) {
    std::optional<Run> best;
    std::int64_t saved = 0;
    for (std::int64_t period = 1; period <= kLongestPattern; ++period) {
        const Run run = longest_run(kinds, period, segment);
        const std::int64_t cut = (run.units - keep) * run.unit;
        if (cut > saved) {
            best = run;
            saved = cut;
        }
    }
    return best;
}

}  // namespace

std::optional<ShortStage> shortened(const PlanRequest& request, const Stage& stage,
                                    std::int64_t keep) {
    if (stage.chunks.size() != 1) return std::nullopt;
    const LayerRange range = stage.chunks.front();
    const auto kinds = kinds_of(request.model, range);
    const std::int64_t segment =
        segment_layers(request.recompute, static_cast<std::int64_t>(kinds.size()));
    const auto run = run_to_cut(kinds, segment, keep);
    if (!run) return std::nullopt;
    ShortStage result{.request = request,
                      .stage = stage,
                      .removed = run->units - keep,
                      .unit = run->unit,
                      .first = run->first};
    const std::int64_t layers =
        static_cast<std::int64_t>(kinds.size()) - result.removed * run->unit;
    ModelSpec& model = result.request.model;
    model.layers = layers;
    model.moe_layers.clear();
    model.windowed.clear();
    for (std::int64_t i = 0; i < layers; ++i) {
        const std::int64_t from =
            i < run->first + keep * run->unit ? i : i + result.removed * run->unit;
        const LayerKind kind = kinds[static_cast<std::size_t>(from)];
        if (model.moe) model.moe_layers.push_back(kind.moe);
        if (!request.model.windowed.empty()) model.windowed.push_back(kind.windowed);
    }
    // The root of the layer count is the long stage's.
    if (request.recompute.mode == RecomputeMode::sqrt) {
        result.request.recompute.mode = RecomputeMode::every;
        result.request.recompute.every = segment;
    }
    result.stage.chunks = {{0, layers}};
    return result;
}

}  // namespace headroom
