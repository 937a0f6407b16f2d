#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "planner/base/dtype.h"
#include "planner/base/json_fwd.h"
#include "planner/base/units.h"

namespace headroom {

/// Host and network around a GPU. Every value's source stands under its key in `sources`.
struct NodeProfile {
    std::string id{};
    std::string gpu{};  ///< id of the GPU it is sold with; empty: any
    std::int64_t gpus = 1;
    Bytes host_ram{};
    Bytes nvme_capacity{};
    Bandwidth nvme_read{};           ///< whole node
    Bandwidth nvme_write{};          ///< whole node
    Bandwidth network{};             ///< whole node, per direction; 0: none
    std::int64_t nvlink_domain = 0;  ///< GPUs that reach each other by NVLink; 0: those of the node
    double power_kw = 0.0;           ///< whole node, 0: unknown
    std::string confidence{};        ///< high, medium, low or assumed
    std::map<std::string, std::string> sources{};
    std::string notes{};
    bool operator==(const NodeProfile&) const = default;
};

/// An hourly price with where and when it was read.
struct Price {
    Usd per_gpu_hour{};
    std::string provider{};
    std::string kind{};  ///< on-demand, spot, reserved or owned
    std::string dated{};
    std::string source{};
    bool operator==(const Price&) const = default;
};

/// Vendor of a profile that stands for this machine's processor and its memory.
inline constexpr std::string_view kCpuVendor = "CPU";

/// What a step can count on: capacity, dense peaks, achievable fractions, links per direction.
/// Every value's source stands under its key in `sources`.
struct HardwareProfile {
    std::string id{};
    std::vector<std::string> aliases{};
    std::string vendor{};
    std::string arch{};
    std::string chip{};  ///< siblings of one chip agree on what they support
    std::string compute_capability{};
    std::string memory_type{};
    double memory_label_gb = 0.0;  ///< what the vendor prints; to compare with, not to plan with
    Bytes memory_capacity{};       ///< what CUDA reports as total, before its context
    Bytes memory_capacity_low{};   ///< lowest total seen in the field
    Bytes context{};               ///< CUDA context and modules, expected
    Bytes context_low{};
    Bytes context_high{};
    Bytes own_context{};  ///< what headroom-run itself takes beside its arena; 0: not measured
    Bandwidth memory_bandwidth{};
    std::map<DType, FlopRate> peak{};  ///< dense, fp32 accumulate; a missing dtype is unsupported
    FlopRate tf32_peak{};              ///< 0: none
    double gemm_fraction = 0.0;        ///< of the dense peak a large GEMM reaches
    double attention_fraction = 0.0;   ///< of the dense peak a fused attention kernel reaches
    double attention_backward_fraction = 0.0;  ///< its gradient's; 0: as attention_fraction
    double memory_fraction = 0.0;              ///< of memory_bandwidth a streaming kernel reaches
    /// Of the fp32 peak that element-wise kernels reach: the peak counts a fused multiply-add as
    /// two and such code issues few of them.
    double vector_fraction = 0.5;
    double link_fraction = 0.0;  ///< of NVLink/network a large collective reaches
    double pcie_fraction = 0.0;
    Bandwidth nvlink{};       ///< per direction; 0: none
    Bandwidth nvlink_pair{};  ///< per direction to one peer of a point-to-point mesh; 0: switched
    Bandwidth pcie{};         ///< per direction; 0: none (CPU)
    Seconds launch_latency{};
    Seconds link_latency{};     ///< per hop inside the NVLink/PCIe domain
    Seconds network_latency{};  ///< per hop between nodes
    double tdp_watts = 0.0;     ///< 0: not published
    NodeProfile node{};         ///< the node type assumed unless the request names one
    std::vector<Price> prices{};
    std::string confidence{};  ///< high, medium or low
    std::map<std::string, std::string> sources{};
    std::string notes{};
    bool operator==(const HardwareProfile&) const = default;
};

/// What Headroom's own program takes beside its arena: measured, or the context in general.
Bytes context_of_program(const HardwareProfile& gpu);

/// Whether the device's memory is the host's own: there is none to offload to.
bool is_host(const HardwareProfile& gpu);

/// Peak for GEMMs on operands of that dtype; throws InputError naming the GPU when it has none.
FlopRate gemm_peak(const HardwareProfile& gpu, DType dtype);

/// The price used unless the request gives one: the median of the on-demand ones, else of all.
/// Zero with an empty provider when none is known.
Price default_price(const HardwareProfile& gpu);

Json to_json(const Price& price);
Price price_from_json(const JsonCursor& json);

/// Reading back what was written gives an equal profile. Throws InputError: unknown keys, types,
/// limits.
Json to_json(const HardwareProfile& profile);
HardwareProfile hardware_profile_from_json(const JsonCursor& json);

Json to_json(const NodeProfile& node);
NodeProfile node_profile_from_json(const JsonCursor& json);

/// All profiles known: the shipped directory, then each overriding file or directory in order.
class HardwareCatalog {
public:
    /// Loads `profiles/hardware` (+ prices) below `profiles_root`, then `overrides`.
    static HardwareCatalog load(const std::filesystem::path& profiles_root,
                                const std::vector<std::filesystem::path>& overrides = {});

    [[nodiscard]] const std::vector<HardwareProfile>& gpus() const { return gpus_; }
    [[nodiscard]] const std::vector<NodeProfile>& nodes() const { return nodes_; }

    /// By id or alias (case ignored), or by the path of a profile; throws InputError at `pointer`
    /// with the nearest names.
    [[nodiscard]] HardwareProfile gpu(const std::string& name, const std::string& pointer) const;
    [[nodiscard]] NodeProfile node(const std::string& name, const std::string& pointer) const;

private:
    std::vector<HardwareProfile> gpus_{};
    std::vector<NodeProfile> nodes_{};
};

}  // namespace headroom
