#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "planner/base/units.h"
#include "planner/cost/topology.h"
#include "planner/spec/hardware_profile.h"
#include "planner/spec/plan_request.h"
#include "planner/step/step_graph.h"

namespace headroom {

/// Queues that run beside each other.
enum class Stream : std::uint8_t {
    compute,
    communication,
    copy_in,
    copy_out,
    host,
    nvme_read,
    nvme_write,
};
inline constexpr std::array<std::string_view, 7> kStreamNames{
    "compute", "communication", "copy_in", "copy_out", "host", "nvme_read", "nvme_write"};
inline constexpr std::size_t kStreams = kStreamNames.size();

/// What an op spends its time on.
enum class Bound : std::uint8_t {
    matrix,
    vector,
    memory,
    latency,
    link,
    network,
    pcie,
    nvme,
    host
};
inline constexpr std::array<std::string_view, 9> kBoundNames{
    "matrix", "vector", "memory", "latency", "link", "network", "pcie", "nvme", "host"};

constexpr std::string_view name(Stream stream) {
    return kStreamNames[static_cast<std::size_t>(stream)];
}
constexpr std::string_view name(Bound bound) {
    return kBoundNames[static_cast<std::size_t>(bound)];
}

/// Time of one op that runs alone.
struct OpTime {
    Seconds time{};
    Stream stream = Stream::compute;
    Bound bound = Bound::latency;
};

/// Extents of the output tile that one multiprocessor makes at a time (cuBLAS, FlashAttention).
inline constexpr double kTileElements = 128.0 * 128.0;
/// Half of the multiprocessors of a training GPU (A100 108, H100 132, B200 148): on average the
/// last wave of tiles is half empty, so a product of t tiles runs at t / (t + 64) of the large-GEMM
/// rate.
inline constexpr double kHalfWaveTiles = 64.0;
/// Terms of a part where cuBLASLt splits long sums so that few tiles fill a GPU: 16,384 terms were
/// split into four (algorithms in profiles/measured/runs, NVIDIA H200).
inline constexpr double kPartTerms = 4096.0;
/// Host memory bandwidth a GPU can count on; an assumption, profiles have no such field. A
/// two-socket server of 16 DDR5-4800 channels streams about 400 GB/s for 8 GPUs, a workstation of
/// two channels about 60 GB/s for one, and 55 GB/s was seen on a cloud host.
inline constexpr Bandwidth kHostBandwidthPerGpu = gigabytes_per_second(50.0);

/// Roofline of one GPU and alpha-beta times of its links: everything that op times depend on,
/// computed once from (profile, layout).
class TimeModel {
public:
    TimeModel(const HardwareProfile& gpu, const ParallelLayout& layout);

    /// The time of a node whose work is known. Throws InputError when the GPU has no matrix units
    /// for its dtype, or the node no drives to move it to.
    [[nodiscard]] OpTime time(const StepGraph& graph, const OpNode& node, const Work& work) const;
    [[nodiscard]] OpTime time(const StepGraph& graph, const OpNode& node) const {
        return time(graph, node, work(graph, node));
    }
    [[nodiscard]] const Topology& topology() const { return topology_; }

private:
    [[nodiscard]] OpTime kernel_time(const StepGraph& graph, const OpNode& node,
                                     const Work& work) const;
    [[nodiscard]] OpTime time(const StepGraph& graph, const OpNode& node,
                              const Collective& op) const;
    [[nodiscard]] OpTime time(const StepGraph& graph, const OpNode& node, const Transfer& op) const;
    [[nodiscard]] Seconds matrix_time(const StepGraph& graph, const OpNode& node, Flops flops,
                                      double fraction) const;

    Topology topology_;
    std::string gpu_{};
    std::array<FlopRate, kDTypes.size()> peak_{};  ///< dense; 0: unsupported
    std::array<double, 3> fractions_{};  ///< of the peak: products, attention, its gradient
    FlopRate vector_rate_{};             ///< 0: not published, never the bound
    Bandwidth memory_rate_{};
    Bandwidth pcie_rate_{};
    Bandwidth nvme_read_rate_{};
    Bandwidth nvme_write_rate_{};
    Seconds launch_{};
    double half_wave_ = kHalfWaveTiles;  ///< a processor's few cores are full at once: 0
};

}  // namespace headroom
