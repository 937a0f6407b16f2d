#include "planner/engine/tensor_collectives.h"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "planner/engine/unit_span.h"

namespace headroom {
namespace {

/// Elements of the tensors of each layer, in order.
std::map<std::int32_t, std::vector<std::int64_t>> layer_tensors(const Lowering& lowering) {
    std::map<std::int32_t, std::vector<std::int64_t>> sizes;
    for (const auto& unit : lowering.units) {
        if (is_outer(unit)) continue;
        for (const auto id : unit.parameters) {
            sizes[unit.layer].push_back(numel(lowering.graph[id].shape));
        }
    }
    return sizes;
}

/// DeepSpeed keeps a weight that it needs again within so many elements
/// (stage3_max_reuse_distance), and never cuts one smaller than this
/// (stage3_param_persistence_threshold): zero/partition_parameters.py.
constexpr std::int64_t kReuseDistance = 1'000'000'000;
constexpr std::int64_t kPersistent = 100'000;

/// What a layer asks for: a gather of each matrix in each pass, and a third one of matrices that
/// recomputation used too long before the backward pass does; a reduction of each tensor.
struct LayerUse {
    double collectives = 0.0;
    double elements = 0.0;  ///< of matrices
    double gathered = 0.0;  ///< elements, by gather
};

LayerUse use_of(const std::vector<std::int64_t>& sizes, bool recomputes) {
    LayerUse use{.collectives = static_cast<double>(sizes.size())};
    std::int64_t after = 0;
    for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) {
        if (*size >= kPersistent) {
            const double gathers = recomputes && 2 * after > kReuseDistance ? 3.0 : 2.0;
            use.collectives += gathers;
            use.elements += static_cast<double>(*size);
            use.gathered += gathers * static_cast<double>(*size);
        }
        after += *size;
    }
    return use;
}

/// ZeRO-3 of 2021 gathers and reduces parameter by parameter into lists of one piece a rank, and
/// waits for each (zero/partition_parameters.py, zero/stage3.py at 11e94e6).
TensorCollectives by_parameter(const Lowering& lowering, const Span& span) {
    const auto& request = lowering.request;
    const bool recomputes = request.recompute.mode == RecomputeMode::layer;
    LayerUse sum;
    for (const auto& [layer, sizes] : layer_tensors(lowering)) {
        const LayerUse use = use_of(sizes, recomputes);
        sum.collectives += use.collectives;
        sum.elements += use.elements;
        sum.gathered += use.gathered;
    }
    return {.micro = sum.collectives * ring_latency(span).count(),
            .launches = sum.collectives * static_cast<double>(span.size),
            .gathers = sum.elements > 0.0 ? sum.gathered / sum.elements : 2.0};
}

/// InternEvo's ZeRO-1 deals whole tensors to ranks, so each rank that has any reduces its gradients
/// and broadcasts its weights (hybrid_zero_optim.py).
TensorCollectives by_owner(const Lowering& lowering, const Span& span) {
    std::size_t tensors = 0;
    for (const auto& unit : lowering.units) tensors += unit.parameters.size();
    const double owners = std::min(static_cast<double>(span.size), static_cast<double>(tensors));
    return {.step = 2.0 * owners * ring_latency(span).count()};
}

}  // namespace

Seconds ring_latency(const Span& span) {
    constexpr std::array<double, kWires> kHop{3.4e-6, 5.7e-6, 14.0e-6};
    Seconds sum{};
    std::int64_t groups = 1;  // rings side by side within the level above
    for (std::size_t wire = kWires; wire-- > 0;) {
        const std::int64_t fan = span.levels[wire].fan;
        sum += Seconds{static_cast<double>(groups * (fan - 1)) * kHop[wire]};
        groups *= fan;
    }
    return sum;
}

TensorCollectives tensor_collectives(const Lowering& lowering, const Engine& engine,
                                     const EngineSettings& settings) {
    const auto& request = lowering.request;
    const auto& layout = request.layout;
    if (layout.replicas() == 1) return {};
    const Topology topology(request.hardware.profile, layout);
    switch (engine.collectives) {
        case CollectiveGrain::unit:
            break;
        case CollectiveGrain::parameter:
            if (layout.zero >= 3) return by_parameter(lowering, topology.span(Axis::data));
            break;
        case CollectiveGrain::owner: {
            if (layout.zero != 1) break;
            const std::int64_t shards = settings.optimizer_shards;
            return by_owner(lowering, shards > 0 ? topology.span(Axis::data, shards)
                                                 : topology.span(Axis::data));
        }
    }
    return {};
}

HardwareProfile seen_by_rings(const PlanRequest& request, const EngineSettings& settings) {
    HardwareProfile gpu = request.hardware.profile;
    const auto side_by_side = static_cast<double>(request.layout.tensor);
    gpu.node.network = gpu.node.network * std::min(settings.ring_share * side_by_side, 1.0);
    return gpu;
}

}  // namespace headroom
