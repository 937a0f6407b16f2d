#pragma once

#include "planner/base/json.h"
#include "planner/spec/hardware_profile.h"

namespace headroom::test {

/// A processor of eight cores with 64 GiB, as a profile document: its memory is the host's, it has
/// no links, and the 16-bit types run at the rate at which f32 arithmetic emulates them.
inline Json cpu_document() {
    Json json = parse_json(R"({
        "id": "this-machine", "vendor": "CPU", "arch": "x86-64", "memory_type": "DDR5",
        "memory_label_gb": 64,
        "memory_capacity_gib": {"expected": 60, "low": 52},
        "context_mib": {"low": 0, "expected": 0, "high": 0},
        "memory_bandwidth_gb_s": 70,
        "peak_tflops": {"f64": 0.5, "fp32": 1.0, "bf16": 0.8, "fp16": 0.8},
        "gemm_fraction": 0.8, "attention_fraction": 0.3, "memory_fraction": 0.8,
        "link_fraction": 1, "pcie_fraction": 1,
        "nvlink_gb_s": 0, "pcie_gb_s": 0,
        "launch_latency_us": 1, "link_latency_us": 0, "network_latency_us": 0,
        "tdp_w": 0, "confidence": "low",
        "node": {"id": "this-machine", "gpus": 1, "host_ram_gib": 64, "nvme_capacity_tb": 0,
                 "nvme_read_gb_s": 0, "nvme_write_gb_s": 0, "network_gb_s": 0,
                 "nvlink_domain": 0, "power_kw": 0}
    })",
                           "cpu");
    for (const auto* key :
         {"memory_label_gb", "memory_capacity_gib", "context_mib", "memory_bandwidth_gb_s",
          "peak_tflops", "gemm_fraction", "attention_fraction", "memory_fraction", "link_fraction",
          "pcie_fraction", "nvlink_gb_s", "pcie_gb_s", "launch_latency_us", "link_latency_us",
          "network_latency_us", "tdp_w"}) {
        json["sources"][key] = "made up for a test";
    }
    return json;
}

inline HardwareProfile cpu_profile() {
    const Json json = cpu_document();
    return hardware_profile_from_json({json, ""});
}

}  // namespace headroom::test
