#include "planner/engine/work_terms.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "planner/cost/collective_time.h"
#include "planner/engine/attention_terms.h"
#include "planner/engine/dispatch_share.h"
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
        case ProductFormat::fp8_row:
            // Rows and columns are scaled apart, each from a pass of its own (torchao,
            // Float8Linear); outputs of products with scales by row are scaled again.
            return 2.0 * (2.0 + 2.0 + 1.0) + 2.0;
        case ProductFormat::fp8_block:
        case ProductFormat::mxfp8:
            return 2.0 + 2.0;
        case ProductFormat::compute:
            break;
    }
    return 0.0;
}

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
          rings_(seen_by_rings(lowering.request, settings), lowering.request.layout),
          bandwidth_(gpu_.memory_bandwidth.count()),
          attention_(attention_share(engine, settings, gpu_)) {
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
        const ExtraPasses unfused = unfused_softmax(graph_, node, engine_);
        micro.kernels += times * unfused.kernels;
        micro.counted += times * unfused.bytes / bandwidth_;
        if (done.matrix.count() <= 0.0) {
            micro.memory += times * bytes;
        } else if (is_attention(node.op)) {
            micro.attention += times * done.matrix.count() / (peak_ * attention_);
            micro.counted += stored_score_bytes(graph_, node, settings_) / bandwidth_;
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
        if (gradient) {
            micro.counted += times * summed_bytes() * e.count * e.rows * e.columns / bandwidth_;
        }
    }

    /// Bytes an element that adding a micro-batch's weight gradient moves: an fp32 sum that the
    /// product adds to; a 16-bit gradient that is added to another; and where 16-bit gradients are
    /// added to fp32 sums after each pass (DeepSpeed's bf16_optimizer.py), a copy and a clearing
    /// more.
    [[nodiscard]] double summed_bytes() const {
        switch (engine_.weight_gradient) {
            case WeightGradient::main:
                return 4.0 + 4.0;
            case WeightGradient::own:
                if (lowering_.request.train.accumulation == 1) return 0.0;
                return settings_.gradient_bytes > 4.0 ? (2.0 + 4.0) + (4.0 + 4.0 + 4.0)
                                                      : 2.0 + 2.0 + 2.0;
            case WeightGradient::unsharded:
            case WeightGradient::bucketed:
            case WeightGradient::summed:
                break;
        }
        return 0.0;
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
        micro.expert_kernels += kKernelsAnExpert * (own - 1.0);
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
        const Topology& wires = send ? topology_ : rings_;
        const CollectiveTime spent = collective_time(wires.span(op.axis, size), op.kind, whole);
        const double seconds = times * spent.time.count();
        auto& micro = micro_;
        if (send) {
            // Each tensor rank sends its part and they gather it (Megatron's scatter-gather).
            const bool parts = !layout.sequence_parallel && layout.tensor > 1;
            const double part = parts ? 1.0 / static_cast<double>(layout.tensor) : 1.0;
            micro.send += seconds * (settings_.sends_whole_gradients ? (part + 1.0) / 2.0 : part);
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
            micro.expert[wire] +=
                seconds * dispatched_share(lowering_.request, settings_, spent.wire);
        }
    }

    const Lowering& lowering_;
    const StepGraph& graph_;
    const HardwareProfile& gpu_;
    const Engine& engine_;
    const EngineSettings& settings_;
    Topology topology_;
    Topology rings_;
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
