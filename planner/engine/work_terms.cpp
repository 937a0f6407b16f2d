#include "planner/engine/work_terms.h"

#include <algorithm>
#include <cmath>

#include "planner/cost/collective_time.h"
#include "planner/technique/states.h"

namespace headroom {
namespace {

/// Output tile of a matrix kernel and depth at which its pipeline is half filled.
constexpr double kTileRows = 128.0;
constexpr double kTileColumns = 128.0;
constexpr double kHalfDepth = 128.0;
/// Bytes an operand element is read and written when it is quantized for a narrow product: its
/// 16-bit value is read once for the maximum and once for the cast, the result written.
constexpr double kQuantizePasses = 5.0;

struct Extents3 {
    double rows = 0.0;
    double columns = 0.0;
    double depth = 0.0;
    double count = 1.0;
};

/// Rows, columns and depth of a product, from its first output and its FLOPs.
Extents3 product_extents(const StepGraph& graph, const OpNode& node, double flops) {
    const TensorId out = graph.outputs(node)[0];
    const Shape& shape = graph[out].shape;
    Extents3 e;
    const bool stacked = shape.rank() == 3;
    e.count = stacked ? static_cast<double>(shape[0]) : 1.0;
    e.rows = static_cast<double>(stacked ? shape[1] : shape[0]);
    e.columns = static_cast<double>(shape.back());
    if (std::holds_alternative<GroupedLinear>(node.op) ||
        std::holds_alternative<GroupedGradInput>(node.op)) {
        e.count = static_cast<double>(graph[graph.inputs(node)[1]].shape[0]);
        e.rows = std::max(e.rows / e.count, 1.0);
    }
    e.depth = flops / std::max(2.0 * e.count * e.rows * e.columns, 1.0);
    return e;
}

/// Part of the device's multiprocessors that tiles fill, the last wave included.
double wave_fill(const Extents3& e, double processors) {
    const double tiles =
        e.count * std::ceil(e.rows / kTileRows) * std::ceil(e.columns / kTileColumns);
    const double exact = e.count * e.rows * e.columns / (kTileRows * kTileColumns);
    const double waves = std::ceil(tiles / processors);
    return std::max(exact / (waves * processors), 1e-3);
}

/// Multiprocessors by architecture: vendors' data sheets.
double processors_of(const HardwareProfile& gpu) {
    struct Row {
        std::string_view chip;
        double count;
    };
    constexpr std::array kRows{Row{"GV100", 80.0},  Row{"GA100", 108.0}, Row{"GH100", 132.0},
                               Row{"GB100", 148.0}, Row{"GB200", 148.0}, Row{"AD102", 128.0},
                               Row{"GA102", 82.0},  Row{"GB202", 170.0}};
    for (const auto& row : kRows) {
        if (gpu.chip == row.chip) return row.count;
    }
    return 132.0;
}

bool narrow(ProductFormat format) { return format != ProductFormat::compute; }

class Counter {
public:
    Counter(const Lowering& lowering, const Engine& engine, const EngineSettings& settings)
        : lowering_(lowering),
          graph_(lowering.graph),
          gpu_(lowering.request.hardware.profile),
          engine_(engine),
          settings_(settings),
          topology_(gpu_, lowering.request.layout),
          processors_(processors_of(gpu_)) {
        const auto found = gpu_.peak.find(lowering.request.train.compute);
        peak_ = found != gpu_.peak.end() ? found->second.count() : 1e12;
        const auto low = gpu_.peak.find(DType::f8);
        narrow_peak_ = low != gpu_.peak.end() ? low->second.count() : peak_;
        if (settings.format == ProductFormat::nvfp4) narrow_peak_ *= 2.0;
        bandwidth_ = gpu_.memory_bandwidth.count();
    }

    StageTerms run() {
        const bool layers = lowering_.request.recompute.mode == RecomputeMode::layer;
        for (const auto& node : graph_.ops) {
            if (layers && node.recomputed) continue;
            // A recomputed layer runs its whole forward pass again.
            const bool twice = node.phase == Phase::forward && node.layer >= 0 &&
                               (layers || (settings_.alternate_products && runs_again(node)));
            add(node, twice ? 2.0 : 1.0);
        }
        add_states();
        return terms_;
    }

private:
    void add(const OpNode& node, double times) {
        const Work done = work(graph_, node);
        if (const auto* op = std::get_if<Collective>(&node.op)) {
            add_collective(node, *op, times);
            return;
        }
        if (done.moved.count() == 0 && done.matrix.count() == 0.0) return;
        auto& micro = terms_.micro;
        micro.kernels += times;
        const double bytes = done.moved.real() / bandwidth_;
        if (done.matrix.count() <= 0.0) {
            micro.memory += times * bytes;
        } else if (is_attention(node.op)) {
            micro.attention += times * done.matrix.count() / peak_;
        } else if (is_batched(node.op)) {
            micro.batched += times * std::max(done.matrix.count() / peak_, bytes);
        } else {
            add_product(node, done, times, bytes);
        }
    }

    void add_product(const OpNode& node, const Work& done, double times, double bytes) {
        const Extents3 e = product_extents(graph_, node, done.matrix.count());
        const bool in_layer = node.layer >= 0 && !std::holds_alternative<HeadLoss>(node.op);
        const bool low = narrow(settings_.format) && in_layer && e.columns > 512.0;
        const double fill = std::holds_alternative<HeadLoss>(node.op)
                                ? 1.0
                                : wave_fill(e, processors_) * e.depth / (e.depth + kHalfDepth);
        const double peak = low ? narrow_peak_ : peak_;
        const double seconds = std::max(done.matrix.count() / (peak * fill), bytes);
        auto& micro = terms_.micro;
        (low ? micro.gemm_narrow : micro.gemm) += times * seconds;
        if (!low) return;
        const double operands = e.rows * e.depth + e.columns * e.depth;
        micro.narrow_bytes += times * kQuantizePasses * e.count * operands / bandwidth_;
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
        const bool send = op.kind == CollectiveKind::send;
        const std::int64_t size = send ? std::max(op.size, topology_.span(op.axis).size) : op.size;
        const CollectiveTime spent = collective_time(topology_.span(op.axis, size), op.kind, whole);
        auto& micro = terms_.micro;
        if (send) {
            micro.send += times * spent.time.count();
            return;
        }
        micro.calls += times;
        auto& by_wire = op.axis == Axis::tensor    ? micro.tensor
                        : op.axis == Axis::context ? micro.context
                                                   : micro.expert;
        by_wire[static_cast<std::size_t>(spent.wire)] += times * spent.time.count();
    }

    void add_states() {
        for (const auto& unit : lowering_.units) {
            if (unit.trainable) add_unit(unit);
        }
        if (lowering_.request.layout.zero < 3) return;
        for (const auto& unit : lowering_.units) {
            if (!unit.trainable) {
                exchange(unit, terms_.step.gather, CollectiveKind::all_gather, frozen_bytes());
            }
        }
    }

    /// Bytes an element of a frozen weight, as it travels.
    [[nodiscard]] double frozen_bytes() const {
        constexpr double kFourBits = 0.5 + 4.0 / 64.0;  // codes, and a scale a block of 64
        return lowering_.request.adapter.kind == AdapterKind::qlora ? kFourBits : 2.0;
    }

    void add_unit(const StateUnit& unit) {
        const auto& layout = lowering_.request.layout;
        const auto elements = static_cast<double>(unit.elements);
        const double ranks =
            layout.zero >= 1 ? static_cast<double>(shard_ranks(lowering_.request, unit.kind)) : 1.0;
        double gradient = engine_.states.gradient;
        if (settings_.gradient_bytes > 0.0) gradient = settings_.gradient_bytes;
        const double moments =
            settings_.moment_bytes > 0.0 ? settings_.moment_bytes : engine_.states.moments;
        // Adam reads the gradient, reads and writes master and moments, writes the weight; the norm
        // and the clipping read and write the gradient before it.
        const double passes = 2.0 * (engine_.states.master + moments) + 4.0 * gradient + 2.0;
        if (lowering_.request.offload.optimizer == Tier::device) {
            terms_.step.optimizer += elements / ranks * passes / bandwidth_;
        } else {
            terms_.step.offload_bytes += elements / ranks * (gradient + 2.0);
            terms_.step.host_bytes += elements / ranks * passes;
        }
        const bool full = layout.zero == 0;
        exchange(unit, terms_.step.reduce,
                 full ? CollectiveKind::all_reduce : CollectiveKind::reduce_scatter, gradient);
        if (!full) exchange(unit, terms_.step.gather, CollectiveKind::all_gather, 2.0);
    }

    void exchange(const StateUnit& unit, std::array<double, kWires>& into, CollectiveKind kind,
                  double each) {
        if (replica_ranks(lowering_.request, unit.kind) <= 1) return;
        const bool expert = unit.kind == UnitKind::expert;
        const bool group = lowering_.request.layout.shard > 0;
        const Axis axis = expert ? Axis::expert_data : group ? Axis::shard : Axis::data;
        const Bytes whole{static_cast<std::int64_t>(static_cast<double>(unit.elements) * each)};
        const CollectiveTime spent = collective_time(topology_.span(axis), kind, whole);
        into[static_cast<std::size_t>(spent.wire)] += spent.time.count();
    }

    const Lowering& lowering_;
    const StepGraph& graph_;
    const HardwareProfile& gpu_;
    const Engine& engine_;
    const EngineSettings& settings_;
    Topology topology_;
    double processors_;
    double peak_ = 0.0;
    double narrow_peak_ = 0.0;
    double bandwidth_ = 0.0;
    int products_ = 0;
    StageTerms terms_{};
};

}  // namespace

StageTerms stage_terms(const Lowering& lowering, const Engine& engine,
                       const EngineSettings& settings) {
    return Counter(lowering, engine, settings).run();
}

}  // namespace headroom
