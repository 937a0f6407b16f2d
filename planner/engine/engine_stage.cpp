#include <algorithm>
#include <vector>

#include "planner/engine/engine_memory.h"

namespace headroom {
namespace {

/// Whether embedding and head take a layer's place in the split over stages: said by the run, or
/// needed for stages of equal length (Megatron's account_for_embedding/loss_in_pipeline_split).
bool embeddings_take_places(const PlanRequest& request, const EngineSettings& settings) {
    const auto& layout = request.layout;
    return layout.pipeline > 1 &&
           (settings.embeddings_count_as_layers ||
            request.model.layers % (layout.pipeline * layout.interleave) != 0);
}

/// First layers of each stage (and the layer count), where a layer that crosses a stage's share of
/// the cost stays with that stage: a layer costs its matrices, the head its own, the embedding
/// nothing (nanotron, models/base.py and models/llama.py).
std::vector<std::int64_t> edges_by_cost(const PlanRequest& request) {
    const auto& model = request.model;
    const std::int64_t stages = request.layout.pipeline;
    const auto hidden = static_cast<double>(model.hidden);
    const double layer =
        4.0 * hidden * hidden + 3.0 * hidden * static_cast<double>(model.ffn.width);
    const double head = hidden * static_cast<double>(model.vocab);
    const double share =
        (layer * static_cast<double>(model.layers) + head) / static_cast<double>(stages);
    std::vector<std::int64_t> edges{0};
    for (std::int64_t stage = 1; stage < stages; ++stage) {
        const auto whole = static_cast<std::int64_t>(static_cast<double>(stage) * share / layer);
        edges.push_back(std::min(whole + 1, model.layers));
    }
    edges.push_back(model.layers);
    return edges;
}

/// The last stages take one layer more each where layers do not divide (InternEvo's
/// partition_uniform).
std::vector<std::int64_t> edges_remainder_last(const PlanRequest& request) {
    const std::int64_t stages = request.layout.pipeline;
    const std::int64_t each = request.model.layers / stages;
    const std::int64_t longer = request.model.layers % stages;
    std::vector<std::int64_t> edges{0};
    for (std::int64_t stage = 0; stage < stages; ++stage) {
        edges.push_back(edges.back() + each + (stage >= stages - longer ? 1 : 0));
    }
    return edges;
}

Stage stage_between(const std::vector<std::int64_t>& edges, std::int64_t index) {
    const auto at = static_cast<std::size_t>(index);
    return {.chunks = {{edges[at], edges[at + 1]}},
            .has_embedding = index == 0,
            .has_head = at + 2 == edges.size()};
}

Stage stage_with_places(const PlanRequest& request, std::int64_t index) {
    const auto& layout = request.layout;
    Stage stage{.has_embedding = index == 0, .has_head = index == layout.pipeline - 1};
    const std::int64_t places = request.model.layers + 2;
    const std::int64_t slots = layout.pipeline * layout.interleave;
    const auto edge = [&](std::int64_t i) {
        return std::clamp<std::int64_t>(places * i / slots - 1, 0, request.model.layers);
    };
    for (std::int64_t chunk = 0; chunk < layout.interleave; ++chunk) {
        const std::int64_t slot = chunk * layout.pipeline + index;
        stage.chunks.push_back({edge(slot), edge(slot + 1)});
    }
    return stage;
}

}  // namespace

Stage engine_stage(const PlanRequest& request, const EngineSettings& settings, std::int64_t index) {
    const bool two_stacks = request.model.stack == Stack::encoder_decoder;
    if (two_stacks || request.layout.pipeline == 1) return stage_of(request, index);
    switch (settings.stages) {
        case StageSplit::by_cost:
            return stage_between(edges_by_cost(request), index);
        case StageSplit::remainder_last:
            return stage_between(edges_remainder_last(request), index);
        case StageSplit::even:
            break;
    }
    return embeddings_take_places(request, settings) ? stage_with_places(request, index)
                                                     : stage_of(request, index);
}

}  // namespace headroom
