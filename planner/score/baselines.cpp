#include "planner/score/baselines.h"

#include <algorithm>

namespace headroom {
namespace {

double attention_parameters(const ModelSpec& model) {
    const auto& a = model.attention;
    const auto hidden = static_cast<double>(model.hidden);
    const auto q = static_cast<double>(a.heads * a.head_dim);
    const auto kv = static_cast<double>(a.kv_heads * a.head_dim);
    return 2.0 * hidden * (q + kv);
}

double activations(const PlanRequest& request) {
    const auto& model = request.model;
    const auto& layout = request.layout;
    const double tokens = static_cast<double>(request.train.sequence * request.train.micro_batch) /
                          static_cast<double>(layout.context);
    const auto hidden = static_cast<double>(model.hidden);
    const double layers = static_cast<double>(model.layers) / static_cast<double>(layout.pipeline);
    const double each = request.recompute.mode == RecomputeMode::layer ? 2.0 : 34.0;
    const double in_flight =
        static_cast<double>(std::min<std::int64_t>(request.train.accumulation, layout.pipeline));
    return each * tokens * hidden / static_cast<double>(layout.tensor) * layers * in_flight;
}

/// Megatron-LM's report_theoretical_memory: 18 bytes (6 + 12 / D sharded) and sbh (18 + 4 f / h).
double megatron_bytes(const PlanRequest& request, double parameters) {
    const auto& layout = request.layout;
    const auto& model = request.model;
    const auto replicas = static_cast<double>(layout.replicas());
    const double each = layout.zero >= 1 ? 6.0 + 12.0 / replicas : 18.0;
    const double tokens = static_cast<double>(request.train.sequence * request.train.micro_batch) /
                          static_cast<double>(layout.context);
    const auto hidden = static_cast<double>(model.hidden);
    const double ratio = static_cast<double>(model.ffn.width) / hidden;
    const double layers = static_cast<double>(model.layers);
    const double layer =
        tokens * hidden * (18.0 + 4.0 * ratio) / static_cast<double>(layout.tensor);
    const double penalty = layout.interleave > 1
                               ? 1.0 + static_cast<double>(layout.pipeline - 1) /
                                           static_cast<double>(layout.pipeline * layout.interleave)
                               : 1.0;
    return parameters * each + layer * layers * (layout.pipeline > 1 ? penalty : 1.0);
}

}  // namespace

double closed_parameters(const ModelSpec& model, Counted counted) {
    const auto hidden = static_cast<double>(model.hidden);
    const double products = model.ffn.gated ? 3.0 : 2.0;
    double layers = 0.0;
    for (std::int64_t i = 0; i < model.layers; ++i) {
        double ffn = products * hidden * static_cast<double>(model.ffn.width);
        if (model.is_moe_layer(i)) {
            const auto experts = static_cast<double>(counted == Counted::all ? model.moe->experts
                                                                             : model.moe->top_k);
            const double width = experts * static_cast<double>(model.moe->expert_width) +
                                 static_cast<double>(model.moe->shared_width);
            ffn = products * hidden * width;
        }
        layers += attention_parameters(model) + ffn;
    }
    const double tables = model.tied_embeddings ? 1.0 : 2.0;
    return layers + tables * hidden * static_cast<double>(model.vocab);
}

BaselineFigures baseline_figures(const PlanRequest& request) {
    const auto& layout = request.layout;
    const double all = closed_parameters(request.model, Counted::all);
    const double held = all / static_cast<double>(layout.tensor * layout.pipeline);
    const auto replicas = static_cast<double>(layout.replicas());
    constexpr double kGib = static_cast<double>(kGiB);
    BaselineFigures out;
    const double state = layout.zero >= 3   ? 16.0 / replicas
                         : layout.zero == 2 ? 2.0 + 14.0 / replicas
                         : layout.zero == 1 ? 4.0 + 12.0 / replicas
                                            : 16.0;
    out.sixteen_gib = (held * state + activations(request)) / kGib;
    out.megatron_gib = megatron_bytes(request, held) / kGib;
    const auto& model = request.model;
    const double tokens = static_cast<double>(request.train.sequence * request.train.micro_batch *
                                              request.train.accumulation * layout.data);
    const double each = 6.0 * closed_parameters(model, Counted::active) +
                        12.0 * static_cast<double>(model.layers * model.hidden) *
                            static_cast<double>(request.train.sequence);
    const double again = request.recompute.mode == RecomputeMode::layer ? 4.0 / 3.0 : 1.0;
    const auto peak = request.hardware.profile.peak.find(DType::bf16);
    const auto half = request.hardware.profile.peak.find(DType::f16);
    const auto& peaks = request.hardware.profile.peak;
    const double rate = peak != peaks.end()   ? peak->second.count()
                        : half != peaks.end() ? half->second.count()
                                              : 1e14;
    out.constant_seconds =
        tokens * each * again / (rate * kConstantEfficiency * static_cast<double>(layout.world()));
    return out;
}

}  // namespace headroom
