#include "planner/cost/op_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "planner/base/error.h"
#include "planner/cost/collective_time.h"

namespace headroom {
namespace {

/// How the parts of an op share the GPU: fused ones overlap; phases of one op add.
enum class Parts : std::uint8_t { overlap, add };
enum class MatrixKernel : std::uint8_t { gemm, attention, attention_backward };

struct KernelTraits {
    MatrixKernel matrix = MatrixKernel::gemm;
    Parts parts = Parts::overlap;
    int launches = 1;
};
template <class T>
constexpr KernelTraits kTraits{};
template <>
constexpr KernelTraits kTraits<Attention>{.matrix = MatrixKernel::attention};
template <>  // row sums of dout * out, the main kernel, and the cast of dq
constexpr KernelTraits kTraits<AttentionGrad>{.matrix = MatrixKernel::attention_backward,
                                              .launches = 3};
template <>  // products and passes over the logits take turns
constexpr KernelTraits kTraits<HeadLoss>{.parts = Parts::add, .launches = 4};
template <>  // merge, then row norms
constexpr KernelTraits kTraits<DoraNorm>{.parts = Parts::add, .launches = 2};
template <>  // partial sums, then the reduction of gamma's
constexpr KernelTraits kTraits<NormGrad>{.launches = 2};

template <std::size_t... I>
constexpr auto traits_table(std::index_sequence<I...>) {
    return std::array{kTraits<std::variant_alternative_t<I, Op>>...};
}
constexpr auto kTraitsByOp = traits_table(std::make_index_sequence<std::variant_size_v<Op>>{});

constexpr std::array kBoundOfWire{Bound::link, Bound::pcie, Bound::network};

/// The shape of a fused attention or its gradient; null: another op.
const AttentionShape* attention_of(const OpNode& node) {
    if (const auto* forward = std::get_if<Attention>(&node.op)) return &forward->shape;
    const auto* backward = std::get_if<AttentionGrad>(&node.op);
    return backward != nullptr ? &backward->shape : nullptr;
}

/// What fused attention executes of what its mask keeps: tiles on the diagonal as a whole, half of
/// which a causal mask leaves out.
double tile_share(const StepGraph& graph, const OpNode& node) {
    const AttentionShape* shape = attention_of(node);
    if (shape == nullptr || !shape->causal || shape->window > 0) return 1.0;
    const auto keys = static_cast<double>(graph[graph.inputs(node)[1]].shape[0] / shape->batch);
    return 1.0 + std::sqrt(kTileElements) / keys;
}

/// The floating types come first in DType; nf4 codes are dequantized before any product.
bool is_float(DType dtype) { return dtype <= DType::f8; }

/// The dtype that products run in: that of the first floating operand.
DType operand_dtype(const StepGraph& graph, const OpNode& node) {
    for (const auto id : graph.inputs(node)) {
        if (is_float(graph[id].dtype)) return graph[id].dtype;
    }
    return DType::f32;
}

/// Passes of the optimizer over offloaded states; streaming, so host memory is their bound.
bool runs_on_host(const Op& op) {
    if (const auto* norm = std::get_if<GradNorm>(&op)) return norm->place == Place::host;
    if (const auto* mask = std::get_if<MaskGradient>(&op)) return mask->place == Place::host;
    const auto* update = std::get_if<Update>(&op);
    return update != nullptr && update->place == Place::host;
}

/// Blocks that a product keeps busy: tiles of the largest output, times the parts of its sums.
double blocks(const StepGraph& graph, const OpNode& node, Flops flops) {
    std::int64_t elements = 1;
    for (const auto id : graph.outputs(node)) elements = std::max(elements, numel(graph[id].shape));
    const auto size = static_cast<double>(elements);
    if (attention_of(node) != nullptr) return size / kTileElements;
    const double terms = flops.count() / (2.0 * size);
    return size / kTileElements * std::max(1.0, terms / kPartTerms);
}

Bandwidth share(Bandwidth node_rate, std::int64_t gpus) {
    return node_rate / static_cast<double>(std::max<std::int64_t>(gpus, 1));
}

/// The slowest leg of a copy and the queue that it takes.
struct Route {
    Place from;
    Place to;
    Stream stream;
    Bound bound;
};
constexpr std::array kRoutes{
    Route{Place::device, Place::host, Stream::copy_out, Bound::pcie},
    Route{Place::host, Place::device, Stream::copy_in, Bound::pcie},
    Route{Place::host, Place::nvme, Stream::nvme_write, Bound::nvme},
    Route{Place::device, Place::nvme, Stream::nvme_write, Bound::nvme},
    Route{Place::nvme, Place::host, Stream::nvme_read, Bound::nvme},
    Route{Place::nvme, Place::device, Stream::nvme_read, Bound::nvme},
    Route{Place::host, Place::host, Stream::host, Bound::host},
};

}  // namespace

TimeModel::TimeModel(const HardwareProfile& gpu, const ParallelLayout& layout)
    : topology_(gpu, layout),
      gpu_(gpu.id),
      fractions_{gpu.gemm_fraction, gpu.attention_fraction,
                 gpu.attention_backward_fraction > 0.0 ? gpu.attention_backward_fraction
                                                       : gpu.attention_fraction},
      memory_rate_(gpu.memory_bandwidth * gpu.memory_fraction),
      pcie_rate_(gpu.pcie * gpu.pcie_fraction),
      nvme_read_rate_(share(gpu.node.nvme_read, gpu.node.gpus)),
      nvme_write_rate_(share(gpu.node.nvme_write, gpu.node.gpus)),
      launch_(gpu.launch_latency),
      half_wave_(is_host(gpu) ? 0.0 : kHalfWaveTiles) {
    for (const auto& [dtype, rate] : gpu.peak) peak_[static_cast<std::size_t>(dtype)] = rate;
    vector_rate_ = peak_[static_cast<std::size_t>(DType::f32)] * gpu.vector_fraction;
}

OpTime TimeModel::time(const StepGraph& graph, const OpNode& node, const Work& work) const {
    if (const auto* op = std::get_if<Collective>(&node.op)) return time(graph, node, *op);
    if (const auto* op = std::get_if<Transfer>(&node.op)) return time(graph, node, *op);
    if (runs_on_host(node.op)) {
        return {work.moved / kHostBandwidthPerGpu, Stream::host, Bound::host};
    }
    return kernel_time(graph, node, work);
}

Seconds TimeModel::matrix_time(const StepGraph& graph, const OpNode& node, Flops flops,
                               double fraction) const {
    if (flops.count() == 0.0) return {};
    const DType dtype = operand_dtype(graph, node);
    const FlopRate peak = peak_[static_cast<std::size_t>(dtype)];
    if (peak.count() <= 0.0) {
        throw InputError("/hardware/gpu",
                         fmt::format("\"{}\" has no {} matrix rate", gpu_, headroom::name(dtype)));
    }
    if (half_wave_ == 0.0) return flops / (peak * fraction);  // a processor's tiles are small
    const double filled = blocks(graph, node, flops);
    return flops * tile_share(graph, node) / (peak * (fraction * filled / (filled + half_wave_)));
}

OpTime TimeModel::kernel_time(const StepGraph& graph, const OpNode& node, const Work& work) const {
    if (work.moved.count() == 0 && work.matrix.count() == 0.0 && work.vector.count() == 0.0) {
        return {};  // a view, a mark: no kernel
    }
    const KernelTraits& traits = kTraitsByOp[node.op.index()];
    const double fraction = fractions_[static_cast<std::size_t>(traits.matrix)];
    const Seconds launch = launch_ * static_cast<double>(traits.launches);
    const std::array<std::pair<Seconds, Bound>, 4> parts{{
        {matrix_time(graph, node, work.matrix, fraction), Bound::matrix},
        {vector_rate_.count() > 0.0 ? work.vector / vector_rate_ : Seconds{}, Bound::vector},
        {work.moved / memory_rate_, Bound::memory},
        {launch, Bound::latency},
    }};
    const auto longest = std::ranges::max(parts, {}, &std::pair<Seconds, Bound>::first);
    if (traits.parts == Parts::add) {
        const Seconds passes = std::max(parts[1].first, parts[2].first);
        return {parts[0].first + passes + launch, Stream::compute, longest.second};
    }
    const Seconds body = std::max({parts[0].first, parts[1].first, parts[2].first});
    return {body + launch, Stream::compute, longest.second};
}

OpTime TimeModel::time(const StepGraph& graph, const OpNode& node, const Collective& op) const {
    Bytes whole{};
    for (const auto id : graph.inputs(node)) whole = std::max(whole, bytes(graph[id]));
    for (const auto id : graph.outputs(node)) whole = std::max(whole, bytes(graph[id]));
    // A send names a pair; the pair furthest apart sets the pace of the whole pipeline.
    const bool pair = op.kind == CollectiveKind::send;
    const std::int64_t size = pair ? std::max(op.size, topology_.span(op.axis).size) : op.size;
    const auto spent = collective_time(topology_.span(op.axis, size), op.kind, whole);
    if (spent.time == Seconds{}) return {{}, Stream::communication, Bound::latency};
    const Bound wire = kBoundOfWire[static_cast<std::size_t>(spent.wire)];
    return {spent.time + launch_, Stream::communication,
            spent.latency_bound ? Bound::latency : wire};
}

OpTime TimeModel::time(const StepGraph& graph, const OpNode& node, const Transfer& op) const {
    const Bytes amount = bytes(graph[graph.inputs(node).front()]);
    const auto route = std::ranges::find_if(
        kRoutes, [&](const Route& r) { return r.from == op.from && r.to == op.to; });
    if (route == kRoutes.end()) {  // a copy in device memory: read and write
        return {2 * amount / memory_rate_ + launch_, Stream::compute, Bound::memory};
    }
    const bool writes = route->stream == Stream::nvme_write;
    Bandwidth rate = pcie_rate_;
    if (route->bound == Bound::nvme) rate = writes ? nvme_write_rate_ : nvme_read_rate_;
    if (route->bound == Bound::host) rate = kHostBandwidthPerGpu * 0.5;  // read and write
    if (rate.count() <= 0.0) {
        const bool drives = route->bound == Bound::nvme;
        throw InputError("/hardware/node", fmt::format("the node of \"{}\" has no {}", gpu_,
                                                       drives ? "NVMe drives" : "PCIe rate"));
    }
    const Seconds copy = amount / rate;
    if (op.to != Place::host || op.accumulation == Accumulation::overwrite) {
        return {copy, route->stream, route->bound};
    }
    // The host adds what arrives, chunk by chunk: two reads and a write.
    const Seconds adds = 3 * amount / kHostBandwidthPerGpu;
    return {std::max(copy, adds), route->stream, adds > copy ? Bound::host : route->bound};
}

}  // namespace headroom
