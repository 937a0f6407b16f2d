#include <algorithm>
#include <cstdlib>

#include "planner/base/json.h"
#include "planner/score/row_settings.h"

namespace headroom {
namespace {

/// "full, block, 5 layers per stage": Megatron's block recomputation runs these and no more.
double recomputed_share(const std::string& recompute, const PlanRequest& request) {
    const auto at = recompute.find("block, ");
    if (at == std::string::npos || !has_text(recompute, "layers per stage")) return 1.0;
    const double layers = std::atof(recompute.c_str() + at + 7);
    const auto stage =
        static_cast<double>(request.model.layers) / static_cast<double>(request.layout.pipeline);
    return std::clamp(layers / stage, 0.0, 1.0);
}

/// Megatron's flexible dispatchers (DeepEP, HybridEP) send a token once to a node, its all-to-all
/// once to an expert. Bridge's performance recipes use the former (perf_recipes, since 25.09).
bool dispatches_once_a_node(const MeasuredRow& row) {
    const std::string dispatcher = text_of(row.setup, "dispatcher");
    if (!dispatcher.empty()) return has_text(dispatcher, "EP");
    return has_text(row.framework, "Bridge");
}

/// DeepSpeed's pipeline sends a tensor rank's part of an activation, but all of a gradient, up to
/// 2021-09-29 (pipe/engine.py, #1407): what ran before.
bool sends_whole_gradients(const MeasuredRow& row) {
    return has_text(row.framework, "Megatron-DeepSpeed 3D") ||
           has_text(row.framework, "DeepSpeed + Megatron 3D");
}

}  // namespace

void read_execution(const MeasuredRow& row, ExpressedRow& out) {
    auto& settings = out.settings;
    settings.recomputed_share = recomputed_share(text_of(row.setup, "recompute"), out.request);
    settings.deterministic = flag_of(row.setup, "deterministic");
    settings.graphs_feed_forward =
        has_text(text_of(row.setup, "cuda_graph_scope"), "mlp") && !out.request.model.moe;
    settings.updates_in_backward = flag_of(row.setup, "optimizer_in_bwd");
    // cuDNN's attention with sinks is slow up to the containers of 2026-06 (cudnn-frontend, issue
    // 256, named in Megatron-Bridge's performance summary).
    settings.sinks_unfused = out.engine->id == "megatron" && !has_text(row.framework, "26.08");
    settings.experts_span_tensor = experts_span_tensor(row, out.request);
    settings.overlaps_experts = flag_of(row.setup, "ep_overlap");
    settings.graphs_step = text_of(row.setup, "cuda_graph") == "full_iteration";
    // "do not remove", says the script (bigscience, train/tr11-176B-ml/tr11-176B-ml.slurm).
    settings.launches_block = has_text(row.source, "tr11-176B-ml");
    // A ring of NCCL used two of a node's four Omni-Path adapters (bigscience,
    // experiments/bandwidth).
    if (has_text(text_of(row.hardware, "inter"), "Omni-Path")) settings.ring_share = 0.5;
    settings.sends_whole_gradients = sends_whole_gradients(row);
    if (has_text(row.model_name, "DeepSeek-V3")) {
        settings.expert_groups = 8;
        settings.groups_chosen = 4;
    }
    settings.dispatches_once_a_node = dispatches_once_a_node(row);
    if (row.setup.contains("async_tp")) {
        settings.overlaps_communication = flag_of(row.setup, "async_tp");
    }
}

}  // namespace headroom
