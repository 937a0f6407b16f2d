#include "planner/spec/hardware_profile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "planner/base/json.h"
#include "planner/spec/profile_text.h"
#include "planner/spec/unit_field.h"

namespace headroom {
namespace {

using Gpu = HardwareProfile;
using GpuField = UnitField<Gpu>;

template <auto Member>
constexpr GpuField field(std::string_view key, double scale, double low, double high,
                         Presence presence = Presence::required, std::string_view group = "") {
    return {
        group, key, presence, scale, low, high, &get_member<Member, Gpu>, &set_member<Member, Gpu>};
}

/// Something that a GPU may lack: 0, or at least `least`.
template <auto Member>
constexpr GpuField field_or_none(std::string_view key, double scale, double least, double high,
                                 Presence presence = Presence::required) {
    GpuField out = field<Member>(key, scale, 0, high, presence);
    out.least = least;
    return out;
}

constexpr auto kNeeded = Presence::required;
constexpr auto kMayMiss = Presence::optional;
constexpr double kTera = 1e12;
constexpr double kMicro = 1e-6;
constexpr double kLeastTflops = 1e-3;
constexpr double kMostTflops = 1e6;
constexpr double kLeastFraction = 0.01;
constexpr double kLeastVectorFraction = 1e-4;
constexpr std::string_view kCapacity = "memory_capacity_gib";
constexpr std::string_view kContext = "context_mib";

constexpr std::array kGpuFields{
    field<&Gpu::memory_label_gb>("memory_label_gb", 1.0, 0, 1e5, kMayMiss),
    field<&Gpu::memory_capacity>("expected", double{kGiB}, 0.25, 1e5, kNeeded, kCapacity),
    field<&Gpu::memory_capacity_low>("low", double{kGiB}, 0.25, 1e5, kNeeded, kCapacity),
    field<&Gpu::context_low>("low", double{kMiB}, 0, 1e5, kNeeded, kContext),
    field<&Gpu::context>("expected", double{kMiB}, 0, 1e5, kNeeded, kContext),
    field<&Gpu::context_high>("high", double{kMiB}, 0, 1e5, kNeeded, kContext),
    field<&Gpu::own_context>("own_context_mib", double{kMiB}, 0, 1e5, kMayMiss),
    field<&Gpu::memory_bandwidth>("memory_bandwidth_gb_s", kGb, 1, 1e6),
    field_or_none<&Gpu::tf32_peak>("tf32_peak_tflops", kTera, kLeastTflops, kMostTflops, kMayMiss),
    field<&Gpu::gemm_fraction>("gemm_fraction", 1.0, kLeastFraction, 1),
    field<&Gpu::attention_fraction>("attention_fraction", 1.0, kLeastFraction, 1),
    field_or_none<&Gpu::attention_backward_fraction>("attention_backward_fraction", 1.0,
                                                     kLeastFraction, 1, kMayMiss),
    field<&Gpu::memory_fraction>("memory_fraction", 1.0, kLeastFraction, 1),
    field<&Gpu::vector_fraction>("vector_fraction", 1.0, kLeastVectorFraction, 1, kMayMiss),
    field<&Gpu::link_fraction>("link_fraction", 1.0, kLeastFraction, 1),
    field<&Gpu::pcie_fraction>("pcie_fraction", 1.0, kLeastFraction, 1),
    field_or_none<&Gpu::nvlink>("nvlink_gb_s", kGb, kLeastRate, 1e5),
    field_or_none<&Gpu::nvlink_pair>("nvlink_pair_gb_s", kGb, kLeastRate, 1e5, kMayMiss),
    field_or_none<&Gpu::pcie>("pcie_gb_s", kGb, kLeastRate, 1e5),
    field<&Gpu::launch_latency>("launch_latency_us", kMicro, 0, 1e4),
    field<&Gpu::link_latency>("link_latency_us", kMicro, 0, 1e4),
    field<&Gpu::network_latency>("network_latency_us", kMicro, 0, 1e6),
    field<&Gpu::tdp_watts>("tdp_w", 1.0, 0, 1e5),
};
constexpr std::span<const GpuField> kAllGpuFields{kGpuFields};

struct TextField {
    const char* key;
    std::string Gpu::*member;
};
constexpr std::array kTexts{
    TextField{"vendor", &Gpu::vendor},
    TextField{"arch", &Gpu::arch},
    TextField{"chip", &Gpu::chip},
    TextField{"compute_capability", &Gpu::compute_capability},
    TextField{"memory_type", &Gpu::memory_type},
    TextField{"confidence", &Gpu::confidence},
    TextField{"notes", &Gpu::notes},
};

/// Keys that hold numbers, and so carry a source.
std::vector<std::string> number_keys() {
    auto keys = keys_of(kAllGpuFields, "");
    keys.emplace_back("peak_tflops");
    return keys;
}

std::vector<std::string> known_keys() {
    auto keys = number_keys();
    keys.insert(keys.end(), {"id", "aliases", "node", "prices", "sources"});
    for (const auto& text : kTexts) keys.emplace_back(text.key);
    return keys;
}

std::map<DType, FlopRate> peaks_from_json(const JsonCursor& json) {
    json.only({"f64", "fp32", "bf16", "fp16", "fp8"});
    std::map<DType, FlopRate> peaks;
    for (const auto& [key, value] : json.members()) {
        peaks[*dtype_named(key)] = FlopRate{value.number(kLeastTflops, kMostTflops) * kTera};
    }
    if (peaks.empty()) json.fail("names no dtype");
    return peaks;
}

Json peaks_to_json(const std::map<DType, FlopRate>& peaks) {
    Json json = Json::object();
    for (const auto& [dtype, rate] : peaks) {
        json[std::string(name(dtype))] = amount_to_json(rate.count(), kTera);
    }
    return json;
}

void check_order(const JsonCursor& json, const HardwareProfile& gpu) {
    const auto capacity = json.at(kCapacity);
    if (gpu.memory_capacity_low > gpu.memory_capacity) {
        capacity.at("low").fail("must not exceed \"expected\"");
    }
    const auto context = json.at(kContext);
    if (gpu.context_low > gpu.context) context.at("low").fail("must not exceed \"expected\"");
    if (gpu.context > gpu.context_high) context.at("high").fail("must not be below \"expected\"");
    if (gpu.context_high >= gpu.memory_capacity_low) {
        context.at("high").fail("must leave some of the memory capacity");
    }
    if (gpu.pcie.count() <= 0.0 && !is_host(gpu)) {
        json.at("pcie_gb_s").fail("is 0, only a profile of vendor CPU has no link to a host");
    }
    if (gpu.nvlink_pair > gpu.nvlink) {
        json.at("nvlink_pair_gb_s").fail("must not exceed nvlink_gb_s");
    }
}

}  // namespace

Bytes context_of_program(const HardwareProfile& gpu) {
    return gpu.own_context > Bytes{} ? gpu.own_context : gpu.context;
}

bool is_host(const HardwareProfile& gpu) { return gpu.vendor == kCpuVendor; }

FlopRate gemm_peak(const HardwareProfile& gpu, DType dtype) {
    const auto found = gpu.peak.find(dtype);
    if (found != gpu.peak.end()) return found->second;
    std::vector<std::string> supported;
    for (const auto& [other, rate] : gpu.peak) supported.emplace_back(name(other));
    throw InputError("/hardware/gpu", fmt::format("\"{}\" has no {} matrix rate; it has {}", gpu.id,
                                                  name(dtype), fmt::join(supported, ", ")));
}

Json to_json(const HardwareProfile& gpu) {
    Json json{{"id", gpu.id},
              {"aliases", gpu.aliases},
              {"peak_tflops", peaks_to_json(gpu.peak)},
              {"node", to_json(gpu.node)},
              {"prices", Json::array()},
              {"sources", gpu.sources}};
    for (const auto& text : kTexts) json[text.key] = gpu.*text.member;
    for (const auto& price : gpu.prices) json["prices"].push_back(to_json(price));
    write_fields(gpu, kAllGpuFields, json);
    return json;
}

HardwareProfile hardware_profile_from_json(const JsonCursor& json) {
    json.only(known_keys());
    HardwareProfile gpu;
    gpu.id = id_from_json(json.at("id"));
    if (const auto aliases = json.find("aliases")) {
        for (const auto& alias : aliases->elements()) gpu.aliases.push_back(id_from_json(alias));
    }
    for (const auto& text : kTexts) gpu.*text.member = json.string_or(text.key, "");
    for (const auto group : {kCapacity, kContext})
        json.at(group).only(keys_of(kAllGpuFields, group));
    read_fields(gpu, kAllGpuFields, json);
    gpu.peak = peaks_from_json(json.at("peak_tflops"));
    check_order(json, gpu);
    gpu.node = node_profile_from_json(json.at("node"));
    if (const auto prices = json.find("prices")) {
        for (const auto& price : prices->elements()) gpu.prices.push_back(price_from_json(price));
    }
    if (const auto sources = json.find("sources")) {
        gpu.sources = sources_from_json(*sources, number_keys());
    }
    return gpu;
}

}  // namespace headroom
