#include "planner/engine/attention_terms.h"

#include <variant>

namespace headroom {
namespace {

/// Passes over the scores of an attention that stores them (Transformer Engine's unfused one).
/// Forward: written, softmax reads and writes, read by the second product; backward: written,
/// softmax's gradient reads two and writes, two products read it and one the probabilities.
constexpr double kScorePasses = 4.0 + 7.0;

/// Heads and sequences that a rank's scores are made of.
std::int64_t score_batches(const Shape& scores) { return scores[0] * scores[1]; }

}  // namespace

/// Part of the best kernels of a device that older ones reach. FlashAttention 2 is about twice as
/// fast as 1 and its Triton port (Dao 2023, figure 4), FlashAttention 3 on an H100 1.5 to 2 times
/// as fast as 2 (Shah et al. 2024).
double attention_share(const Engine& engine, const EngineSettings& settings,
                       const HardwareProfile& gpu) {
    const bool blackwell = gpu.chip == "GB100" || gpu.chip == "GB110";
    AttentionKernel kernel = engine.attention;
    if (engine.cudnn_on_blackwell && blackwell) kernel = AttentionKernel::native;
    if (settings.deterministic) kernel = AttentionKernel::flash2;
    constexpr double kTriton = 0.5;
    constexpr double kFlash2OnNewer = 0.6;
    const bool newer = gpu.chip == "GH100" || blackwell;
    const double flash2 = newer ? kFlash2OnNewer : 1.0;
    switch (kernel) {
        case AttentionKernel::triton:
            return kTriton * flash2;
        case AttentionKernel::flash2:
            return flash2;
        case AttentionKernel::native:
            break;
    }
    return 1.0;
}

double stored_score_bytes(const StepGraph& graph, const OpNode& node,
                          const EngineSettings& settings) {
    const auto* op = std::get_if<Attention>(&node.op);
    if (op == nullptr || !op->sinks || !settings.sinks_unfused) return 0.0;
    const Shape& queries = graph[graph.inputs(node)[0]].shape;
    const Shape& keys = graph[graph.inputs(node)[1]].shape;
    const double heads =
        static_cast<double>(queries.back()) / static_cast<double>(op->shape.head_dim);
    const double scores = heads * static_cast<double>(queries[0]) * static_cast<double>(keys[0]) /
                          static_cast<double>(op->shape.batch);
    return kScorePasses * 2.0 * scores;
}

ExtraPasses unfused_softmax(const StepGraph& graph, const OpNode& node, const Engine& engine) {
    if (engine.softmax_multiple == 0) return {};
    const bool forward = std::holds_alternative<Softmax>(node.op);
    if (!forward && !std::holds_alternative<SoftmaxGrad>(node.op)) return {};
    const Shape& scores = graph[graph.inputs(node)[0]].shape;
    if (score_batches(scores) % engine.softmax_multiple == 0) return {};
    // Forward: to fp32, scaled, masked in place, softmax, to fp16; backward the same in reverse,
    // where softmax's gradient reads two.
    constexpr double kForward = (2.0 + 4.0) + 3.0 * (4.0 + 4.0) + (4.0 + 2.0) - (2.0 + 2.0);
    constexpr double kBackward =
        (2.0 + 4.0) + (4.0 + 4.0 + 4.0) + 2.0 * (4.0 + 4.0) + (4.0 + 2.0) - (2.0 + 2.0 + 2.0);
    const auto count = static_cast<double>(numel(scores));
    return {.bytes = count * (forward ? kForward : kBackward), .kernels = 4.0};
}

}  // namespace headroom
