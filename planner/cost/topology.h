#pragma once

#include <array>
#include <cstdint>

#include "planner/base/units.h"
#include "planner/spec/hardware_profile.h"
#include "planner/spec/plan_request.h"
#include "planner/step/op/collective.h"

namespace headroom {

/// What joins two GPUs.
enum class Wire : std::uint8_t { nvlink, pcie, network };
inline constexpr std::size_t kWires = 3;

/// Peer traffic without NVLink is staged in host memory: it crosses the host's root complex once up
/// and once down, and copy-in and copy-out alternate on a chunk, so a rank sees half its PCIe rate.
inline constexpr double kPcieStagingShare = 0.5;

/// `fan` blocks of `inner` ranks of a group each, joined by one wire. Fan 1: the wire is not used.
struct LinkLevel {
    std::int64_t fan = 1;
    std::int64_t inner = 1;
    Bandwidth rate{};   ///< achievable, per rank and direction
    Seconds latency{};  ///< per hop
};

/// Where the ranks of one group lie: its levels, innermost first, by Wire.
struct Span {
    std::int64_t size = 1;
    std::int64_t per_domain = 1;  ///< members in one NVLink domain (PCIe: one node)
    std::array<LinkLevel, kWires> levels{};

    /// The outermost wire that the group crosses; nvlink for a group of one.
    [[nodiscard]] Wire outermost() const;
};

/// Ranks on wires. Rank order: tensor fastest, then context, then data, pipeline slowest
/// (Megatron-LM's default); expert and shard groups are consecutive within data * context. Every
/// group of an axis is busy at the same time, so each GPU has its share of its node's network.
class Topology {
public:
    Topology(const HardwareProfile& gpu, const ParallelLayout& layout);

    /// The group of `size` ranks on `axis`.
    [[nodiscard]] Span span(Axis axis, std::int64_t size) const;
    /// The same, of the size that the layout gives the axis.
    [[nodiscard]] Span span(Axis axis) const;

private:
    struct Group {
        std::int64_t stride = 1;  ///< ranks between neighbours
        std::int64_t size = 1;
    };
    struct Block {
        std::int64_t ranks = 1;  ///< consecutive ranks that the wire joins; unused when no larger
        Bandwidth rate{};
        Seconds latency{};
    };

    void place_groups(const ParallelLayout& layout);

    std::array<Group, kAxisNames.size()> groups_{};
    std::array<Block, kWires> blocks_{};
    std::int64_t in_node_ = 1;
    Bandwidth pair_rate_{};  ///< to one peer of a point-to-point mesh; 0: switched
};

}  // namespace headroom
