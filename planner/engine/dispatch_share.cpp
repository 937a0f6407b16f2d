#include "planner/engine/dispatch_share.h"

#include <algorithm>
#include <cmath>

namespace headroom {
namespace {

/// Expected nodes that a token's experts lie on. Where a router first chooses groups of
/// experts, only nodes of the chosen groups can be reached (DeepSeek-V3: four of eight).
double nodes_reached(double nodes, double chosen, const EngineSettings& settings) {
    const double free = nodes * (1.0 - std::pow(1.0 - 1.0 / nodes, chosen));
    const auto groups = static_cast<double>(settings.expert_groups);
    if (groups <= 0.0) return free;
    const double on_node = std::max(groups / nodes, 1.0);
    double missed = 1.0;
    for (double i = 0.0; i < static_cast<double>(settings.groups_chosen); i += 1.0) {
        missed *= std::max(groups - on_node - i, 0.0) / (groups - i);
    }
    return std::min(free, std::min(nodes, groups) * (1.0 - missed));
}

}  // namespace

double dispatched_share(const PlanRequest& request, const EngineSettings& settings, Wire wire) {
    const auto& layout = request.layout;
    double share = 1.0;
    double ranks = static_cast<double>(layout.expert);
    if (settings.experts_span_tensor) {
        const auto tensor = static_cast<double>(layout.tensor);
        // The graph's exchange leaves out one rank of `expert`, the run's one of all.
        share = (ranks * tensor - 1.0) / (tensor * (ranks - 1.0)) / tensor;
        ranks *= tensor;
    }
    if (wire != Wire::network || !settings.dispatches_once_a_node) return share;
    const double nodes =
        ranks / static_cast<double>(std::max<std::int64_t>(request.hardware.profile.node.gpus, 1));
    if (nodes <= 1.0) return share;
    const auto chosen = static_cast<double>(request.model.moe->top_k);
    return share * nodes_reached(nodes, chosen, settings) / chosen;
}

}  // namespace headroom
