#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "planner/base/error.h"
#include "planner/base/json.h"
#include "planner/score/row_request.h"

namespace headroom {
namespace {

/// A GPU as a row names it, by the profile it is modelled with.
struct GpuName {
    std::string_view key;
    std::string_view profile;
    double bandwidth_gb_s = 0.0;  ///< > 0: differs from the profile's
    double capacity_gib = 0.0;
    double share_of_peak = 1.0;
    double watts = 0.0;  ///< > 0: differs from the profile's
};

constexpr std::array kGpus{
    GpuName{"h100", "h100-sxm5-80gb"},
    GpuName{"h100-96-hbm2e-500w", "h100-sxm5-80gb", 2400.0, 94.9, 1.0, 500.0},
    GpuName{"h200", "h200-sxm-141gb"},
    GpuName{"h800", "h800-sxm5-80gb"},
    GpuName{"a100", "a100-sxm4-80gb"},
    GpuName{"a100-80", "a100-sxm4-80gb"},
    GpuName{"a100-40", "a100-sxm4-40gb"},
    GpuName{"a100-pcie", "a100-pcie-80gb"},
    GpuName{"a800", "a100-sxm4-80gb"},
    GpuName{"v100-32", "v100-sxm2-32gb"},
    GpuName{"v100-16", "v100-sxm2-16gb"},
    GpuName{"b200", "b200-sxm"},
    GpuName{"b300", "b300-sxm"},
    GpuName{"gb200", "gb200"},
    GpuName{"gb300", "gb300"},
    GpuName{"rtx-pro-6000-blackwell", "rtx-pro-6000-blackwell"},
    GpuName{"rtx-4090", "rtx-4090"},
    GpuName{"rtx-3090", "rtx-3090"},
    GpuName{"rtx-5090", "rtx-5090"},
    GpuName{"rtx-a6000", "rtx-a6000"},
    // 64 SMs of GA102 against the A6000's 84, 768 GB/s (vendor's data sheet).
    GpuName{"rtx-a5000", "rtx-a6000", 768.0, 23.68, 64.0 / 84.0, 230.0},
    // 36 SMs of GB206 against the 5090's 170, 448 GB/s (vendor's data sheet).
    GpuName{"rtx-5060ti", "rtx-5090", 448.0, 15.47, 36.0 / 170.0, 180.0},
    GpuName{"l40s", "l40s"},
    GpuName{"mi300x", "mi300x"},
};

/// A row that names no GPU measured memory alone: any of that size will do.
std::string_view by_memory(double gigabytes) {
    if (gigabytes > 80.0) return "h200-sxm-141gb";
    return gigabytes > 48.0 ? "h100-sxm5-80gb" : "l40s";
}

/// Adapters of 100 Gb/s in a node of Jean Zay: NCCL's log of bigscience, experiments/bandwidth.
constexpr double kJeanZayAdapters = 4.0;

void set_node(HardwareProfile& gpu, const Json& hardware, std::int64_t count) {
    gpu.node.gpus = std::min(count_of(hardware, "gpus_per_node", gpu.node.gpus), count);
    if (gpu.node.gpus < 1) gpu.node.gpus = std::min<std::int64_t>(count, 8);
    gpu.node.nvlink_domain = count_of(hardware, "nvlink_domain", 0);
    const auto nodes_gpus = static_cast<double>(gpu.node.gpus);
    if (const auto each = number_of(hardware, "inter_gbps_per_gpu")) {
        gpu.node.network = gigabytes_per_second(*each / 8.0 * nodes_gpus);
    } else if (const auto node = number_of(hardware, "inter_gbps_per_node")) {
        gpu.node.network = gigabytes_per_second(*node / 8.0);
    } else if (const std::string text = text_of(hardware, "inter"); !text.empty()) {
        if (has_text(text, "4x100"))
            gpu.node.network = gigabytes_per_second(50.0);
        else if (has_text(text, "Omni-Path 100G"))
            gpu.node.network = gigabytes_per_second(kJeanZayAdapters * 12.5);
        else if (has_text(text, "EFA 400"))
            gpu.node.network = gigabytes_per_second(50.0);
    }
    if (gpu.node.network.count() <= 0.0) gpu.node.network = gigabytes_per_second(50.0);
    const std::string intra = text_of(hardware, "intra");
    if (has_text(intra, "PCIe")) gpu.nvlink = Bandwidth{};
    // An older board without workstation lanes (fsdp_qlora, benchmarks_03_2024.md): PCIe 3.0, eight
    // lanes a GPU, is what such boards give two of them; the source does not say.
    if (has_text(intra, "slow PCIe")) gpu.pcie = gigabytes_per_second(7.88);
    if (gpu.pcie.count() <= 0.0) gpu.pcie = gigabytes_per_second(31.5);
}

}  // namespace

HardwareRequest row_hardware(const MeasuredRow& row, const Library& library) {
    const auto named = std::ranges::find(kGpus, std::string_view(row.gpu_key), &GpuName::key);
    std::string profile;
    if (named != kGpus.end()) {
        profile = named->profile;
    } else if (row.gpu_key.empty() && number_of(row.hardware, "memory_gb")) {
        profile = by_memory(*number_of(row.hardware, "memory_gb"));
    } else {
        throw InputError("/hardware/gpu_key",
                         fmt::format("no profile of \"{}\"", text_of(row.hardware, "gpu")));
    }
    HardwareRequest request{.gpu = profile,
                            .gpus = std::max<std::int64_t>(count_of(row.hardware, "count", 1), 1)};
    request.profile = library.hardware.gpu(profile, "/hardware/gpu");
    HardwareProfile& gpu = request.profile;
    if (named != kGpus.end()) {
        if (named->bandwidth_gb_s > 0.0) {
            gpu.memory_bandwidth = gigabytes_per_second(named->bandwidth_gb_s);
        }
        if (named->capacity_gib > 0.0) gpu.memory_capacity = gibibytes(named->capacity_gib);
        if (named->watts > 0.0) gpu.tdp_watts = named->watts;
        for (auto& [dtype, peak] : gpu.peak) peak = peak * named->share_of_peak;
    }
    gpu.tdp_watts = number_of(row.hardware, "watts").value_or(gpu.tdp_watts);
    set_node(gpu, row.hardware, request.gpus);
    return request;
}

}  // namespace headroom
