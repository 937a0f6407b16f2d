#include "planner/engine/work_terms.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "planner/cost/collective_time.h"
#include "planner/engine/product_terms.h"
#include "planner/engine/update_terms.h"

namespace headroom {
namespace {

bool narrow(ProductFormat format) { return format != ProductFormat::compute; }

/// Bytes an element when an activation is quantized for the two products that read it: scaling by
/// the whole tensor reads it once more, for its maximum; both layouts are written.
double quantizing_bytes(ProductFormat format) {
    switch (format) {
        case ProductFormat::fp8_tensor:
        case ProductFormat::nvfp4:
            return 2.0 + 2.0 + 2.0;
        case ProductFormat::fp8_block:
        case ProductFormat::mxfp8:
            return 2.0 + 2.0;
        case ProductFormat::compute:
            break;
    }
    return 0.0;
}

/// Part of the best kernels of a device that older ones reach. FlashAttention 2 is about twice as
/// fast as 1 and its Triton port (Dao 2023, figure 4), FlashAttention 3 on an H100 1.5 to 2 times
/// as fast as 2 (Shah et al. 2024).
double attention_share(AttentionKernel kernel, const HardwareProfile& gpu) {
    constexpr double kTriton = 0.5;
    constexpr double kFlash2OnNewer = 0.6;
    const bool newer = gpu.chip == "GH100" || gpu.chip == "GB100" || gpu.chip == "GB110";
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

/// Passes over the scores of an attention that stores them (Transformer Engine's unfused one).
/// Forward: written, softmax reads and writes, read by the second product; backward: written,
/// softmax's gradient reads two and writes, two products read it and one the probabilities.
constexpr double kScorePasses = 4.0 + 7.0;

/// Kernels that an expert of this rank adds to a layer: two products, each with two gradients.
constexpr double kKernelsAnExpert = 6.0;

class Counter {
public:
    Counter(const Lowering& lowering, const Engine& engine, const EngineSettings& settings)
        : lowering_(lowering),
          graph_(lowering.graph),
          gpu_(lowering.request.hardware.profile),
          engine_(engine),
          settings_(settings),
          topology_(gpu_, lowering.request.layout),
          bandwidth_(gpu_.memory_bandwidth.count()),
          attention_(attention_share(
              settings.deterministic ? AttentionKernel::flash2 : engine.attention, gpu_)) {
        const auto rate = [&](DType dtype) {
            const auto found = gpu_.peak.find(dtype);
            return found != gpu_.peak.end() ? found->second : FlopRate{};
        };
        const FlopRate peak = rate(lowering.request.train.compute);
        const FlopRate low = rate(DType::f8);
        if (peak.count() > 0.0) peak_ = peak.count();
        product_rate_ = peak_ * sustained_share(gpu_, peak, kJoulesPerFlop16);
        narrow_rate_ = product_rate_;
        if (low.count() > 0.0) {
            narrow_rate_ = low.count() * sustained_share(gpu_, low, kJoulesPerFlop8);
        }
        if (settings.format == ProductFormat::nvfp4) narrow_rate_ *= 2.0;
    }

    MicroTerms run() {
        const bool layers = lowering_.request.recompute.mode == RecomputeMode::layer;
        for (const auto& node : graph_.ops) {
            if (layers && node.recomputed) continue;
            // A recomputed layer runs its whole forward pass again.
            const bool again = node.phase == Phase::forward && node.layer >= 0 &&
                               (layers || (settings_.alternate_products && runs_again(node)));
            add(node, again ? 1.0 + settings_.recomputed_share : 1.0);
        }
        return micro_;
    }

private:
    void add(const OpNode& node, double times) {
        const Work done = work(graph_, node);
        if (const auto* op = std::get_if<Collective>(&node.op)) {
            add_collective(node, *op, times);
            return;
        }
        if (done.moved.count() == 0 && done.matrix.count() == 0.0) return;
        auto& micro = micro_;
        micro.kernels += times;
        const double bytes = done.moved.real() / bandwidth_;
        if (std::holds_alternative<TopK>(node.op) && !node.recomputed) add_expert_layer();
        if (done.matrix.count() <= 0.0) {
            micro.memory += times * bytes;
        } else if (is_attention(node.op)) {
            micro.attention += times * done.matrix.count() / (peak_ * attention_);
            add_stored_scores(node);
        } else if (is_batched(node.op)) {
            micro.batched += times * std::max(done.matrix.count() / peak_, bytes);
        } else {
            add_product(node, done, times, bytes);
        }
    }

    void add_product(const OpNode& node, const Work& done, double times, double bytes) {
        auto& micro = micro_;
        const ProductExtents e = product_extents(graph_, node, done.matrix.count());
        const bool head = std::holds_alternative<HeadLoss>(node.op);
        if (lowering_.request.adapter.kind != AdapterKind::none && !head && e.skinny()) {
            micro.counted += times * bytes;
            return;
        }
        const bool low = narrow(settings_.format) && node.layer >= 0 && !head && e.columns > 512.0;
        const double fill = head ? 1.0 : shape_share(e, gpu_);
        const double rate = low ? narrow_rate_ : product_rate_;
        const double seconds = std::max(done.matrix.count() / (rate * fill), bytes);
        (low ? micro.gemm_narrow : micro.gemm) += times * seconds;
        const bool gradient = std::holds_alternative<LinearGradWeight>(node.op) ||
                              std::holds_alternative<GroupedGradWeight>(node.op);
        // The other operand of a weight gradient was quantized for an earlier product, weights are
        // once a step.
        if (low && !gradient) {
            micro.counted += times * quantizing_bytes(settings_.format) * e.count * e.rows *
                             e.depth / bandwidth_;
        }
        if (gradient && engine_.weight_gradient == WeightGradient::main) {
            constexpr double kReadAndWrite = 4.0 + 4.0;  // the fp32 sum that the product adds to
            micro.counted += times * kReadAndWrite * e.count * e.rows * e.columns / bandwidth_;
        }
    }

    /// Each expert of this rank is a product of its own in every pass.
    void add_expert_layer() {
        auto& micro = micro_;
        micro.expert_layers += 1.0;
        const auto& request = lowering_.request;
        if (!request.model.moe) return;
        double ranks = static_cast<double>(std::max<std::int64_t>(request.layout.expert, 1));
        if (settings_.experts_span_tensor) ranks *= static_cast<double>(request.layout.tensor);
        const double own = std::max(static_cast<double>(request.model.moe->experts) / ranks, 1.0);
        micro.kernels += kKernelsAnExpert * (own - 1.0);
    }

    void add_stored_scores(const OpNode& node) {
        const auto* op = std::get_if<Attention>(&node.op);
        if (op == nullptr || !op->sinks || !settings_.sinks_unfused) return;
        const Shape& queries = graph_[graph_.inputs(node)[0]].shape;
        const Shape& keys = graph_[graph_.inputs(node)[1]].shape;
        const double heads =
            static_cast<double>(queries.back()) / static_cast<double>(op->shape.head_dim);
        const double scores = heads * static_cast<double>(queries[0]) *
                              static_cast<double>(keys[0]) / static_cast<double>(op->shape.batch);
        micro_.counted += kScorePasses * 2.0 * scores / bandwidth_;
    }

    /// Selective checkpointing by operator runs every second product again, and what is no product
    /// and no attention.
    bool runs_again(const OpNode& node) {
        if (is_attention(node.op)) return false;
        if (!std::holds_alternative<Linear>(node.op)) return true;
        return products_++ % 2 == 1;
    }

    static bool is_attention(const Op& op) {
        return std::holds_alternative<Attention>(op) || std::holds_alternative<AttentionGrad>(op);
    }
    static bool is_batched(const Op& op) {
        return std::holds_alternative<Scores>(op) || std::holds_alternative<ScoresGrad>(op) ||
               std::holds_alternative<Context>(op) || std::holds_alternative<ContextGrad>(op);
    }

    void add_collective(const OpNode& node, const Collective& op, double times) {
        Bytes whole{};
        for (const auto id : graph_.inputs(node)) whole = std::max(whole, bytes(graph_[id]));
        for (const auto id : graph_.outputs(node)) whole = std::max(whole, bytes(graph_[id]));
        const auto& layout = lowering_.request.layout;
        const bool send = op.kind == CollectiveKind::send;
        const std::int64_t size = send ? std::max(op.size, topology_.span(op.axis).size) : op.size;
        const CollectiveTime spent = collective_time(topology_.span(op.axis, size), op.kind, whole);
        const double seconds = times * spent.time.count();
        auto& micro = micro_;
        if (send) {
            // Each tensor rank sends its part and they gather it (Megatron's scatter-gather).
            const bool parts = !layout.sequence_parallel && layout.tensor > 1;
            micro.send += parts ? seconds / static_cast<double>(layout.tensor) : seconds;
            return;
        }
        const auto wire = static_cast<std::size_t>(spent.wire);
        if (op.axis == Axis::tensor) {
            // Experts that span the tensor ranks need no gather of their input: half of a layer's.
            const bool half = settings_.experts_span_tensor && node.layer >= 0;
            micro.tensor[wire] += half ? 0.5 * seconds : seconds;
        } else if (op.axis == Axis::context) {
            micro.context[wire] += seconds;
        } else {
            micro.expert[wire] += seconds * dispatched_share(spent.wire);
        }
    }

    /// Of the traffic that the graph's dispatch counts, what a rank sends: a tensor rank that holds
    /// part of the sequence sends that part, and over the network a token goes once to a node.
    [[nodiscard]] double dispatched_share(Wire wire) const {
        const auto& layout = lowering_.request.layout;
        double share = 1.0;
        double ranks = static_cast<double>(layout.expert);
        if (settings_.experts_span_tensor) {
            share /= static_cast<double>(layout.tensor);
            ranks *= static_cast<double>(layout.tensor);
        }
        if (wire != Wire::network || !settings_.dispatches_once_a_node) return share;
        const double nodes = ranks / static_cast<double>(std::max<std::int64_t>(gpu_.node.gpus, 1));
        if (nodes <= 1.0) return share;
        const auto chosen = static_cast<double>(lowering_.request.model.moe->top_k);
        const double reached = 1.0 - std::pow(1.0 - 1.0 / nodes, chosen);
        return share * nodes * reached / chosen;
    }

    const Lowering& lowering_;
    const StepGraph& graph_;
    const HardwareProfile& gpu_;
    const Engine& engine_;
    const EngineSettings& settings_;
    Topology topology_;
    double bandwidth_ = 0.0;
    double attention_ = 1.0;
    double peak_ = 1e12;
    double product_rate_ = 1e12;
    double narrow_rate_ = 1e12;
    int products_ = 0;
    MicroTerms micro_{};
};

}  // namespace

StageTerms stage_terms(const Lowering& lowering, const Engine& engine,
                       const EngineSettings& settings) {
    return {.micro = Counter(lowering, engine, settings).run(),
            .step = update_terms(lowering, engine, settings)};
}

}  // namespace headroom
