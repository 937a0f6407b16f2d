#include "planner/cost/topology.h"

#include <algorithm>
#include <limits>

namespace headroom {
namespace {

/// Members of a group with that stride among `ranks` consecutive ranks.
std::int64_t members(std::int64_t ranks, std::int64_t stride, std::int64_t size) {
    return std::clamp(ranks / stride, std::int64_t{1}, size);
}

}  // namespace

Wire Span::outermost() const {
    for (std::size_t wire = kWires; wire-- > 1;) {
        if (levels[wire].fan > 1) return static_cast<Wire>(wire);
    }
    return Wire::nvlink;
}

Topology::Topology(const HardwareProfile& gpu, const ParallelLayout& layout)
    : pair_rate_(gpu.nvlink_pair * gpu.link_fraction) {
    place_groups(layout);
    const NodeProfile& node = gpu.node;
    const std::int64_t in_node = std::max<std::int64_t>(node.gpus, 1);
    in_node_ = in_node;
    const std::int64_t domain = node.nvlink_domain > 0 ? node.nvlink_domain : in_node;
    const bool has_nvlink = gpu.nvlink.count() > 0.0;
    blocks_ = {
        Block{has_nvlink ? domain : 1, gpu.nvlink * gpu.link_fraction, gpu.link_latency},
        Block{in_node, gpu.pcie * gpu.pcie_fraction * kPcieStagingShare, gpu.link_latency},
        Block{std::numeric_limits<std::int64_t>::max(),
              node.network * gpu.link_fraction / static_cast<double>(in_node), gpu.network_latency},
    };
}

void Topology::place_groups(const ParallelLayout& layout) {
    const std::int64_t replicas = layout.replicas();
    const std::int64_t shard = std::max<std::int64_t>(layout.shard_group(), 1);
    const std::int64_t expert = std::max<std::int64_t>(layout.expert, 1);
    const std::int64_t tensor = std::max<std::int64_t>(layout.tensor, 1);
    const auto set = [&](Axis axis, std::int64_t stride, std::int64_t size) {
        groups_[static_cast<std::size_t>(axis)] = {stride, std::max<std::int64_t>(size, 1)};
    };
    set(Axis::tensor, 1, tensor);
    set(Axis::context, tensor, layout.context);
    set(Axis::data, tensor, replicas);
    set(Axis::shard, tensor, shard);
    set(Axis::replica, tensor * shard, replicas / shard);
    set(Axis::expert, tensor, expert);
    set(Axis::expert_data, tensor * expert, replicas / expert);
    set(Axis::pipeline, tensor * replicas, layout.pipeline);
}

Span Topology::span(Axis axis) const {
    return span(axis, groups_[static_cast<std::size_t>(axis)].size);
}

Span Topology::span(Axis axis, std::int64_t size) const {
    const std::int64_t stride = groups_[static_cast<std::size_t>(axis)].stride;
    Span span{.size = size};
    std::int64_t inner = 1;
    for (std::size_t wire = 0; wire < kWires; ++wire) {
        const Block& block = blocks_[wire];
        const std::int64_t reached = std::max(inner, members(block.ranks, stride, size));
        span.levels[wire] = {ceil_div(reached, inner), inner, block.rate, block.latency};
        // Where stages are smaller than a node, the last of a node's sends with all of its network.
        const bool sends =
            axis == Axis::pipeline && wire == static_cast<std::size_t>(Wire::network);
        if (sends && stride < in_node_) {
            span.levels[wire].rate =
                block.rate * (static_cast<double>(in_node_) / static_cast<double>(stride));
        }
        inner = reached;
    }
    LinkLevel& mesh = span.levels.front();
    if (pair_rate_.count() > 0.0 && mesh.fan > 1) {
        mesh.rate = std::min(mesh.rate, pair_rate_ * static_cast<double>(mesh.fan - 1));
    }
    span.per_domain = mesh.fan > 1 ? mesh.fan : span.levels[1].fan;
    return span;
}

}  // namespace headroom
