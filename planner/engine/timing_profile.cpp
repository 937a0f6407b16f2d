#include "planner/engine/timing_profile.h"

#include <algorithm>
#include <span>

#include "planner/base/json.h"

namespace headroom {
namespace {

/// Efficiencies of a rated speed lie below 1; what the profile's own fraction or an expected rate
/// holds back may be exceeded a little.
constexpr std::array<NumberRange, kGpuNumbers> kGpuRanges{{
    {0.50, 1.00, 1.20},  // gemm
    {0.50, 1.00, 1.30},  // narrow
    {0.20, 0.60, 0.95},  // attention
    {0.10, 0.45, 0.95},  // batched
    {0.50, 0.80, 0.95},  // memory
    {0.30, 0.85, 1.10},  // link
    {0.05, 0.60, 1.15},  // pcie
    {0.05, 0.80, 1.15},  // network
    {2.0, 6.0, 12.0},    // launch_us
}};
constexpr std::array<NumberRange, kFrameworkNumbers> kFrameworkRanges{{
    {0.5, 1.5, 6.0},   // passes
    {0.5, 2.0, 10.0},  // kernels
    {0.0, 0.3, 1.0},   // exposed
    {0.0, 0.2, 0.95},  // overlap
    {0.05, 0.7, 3.0},  // expert
    {0.0, 4.0, 15.0},  // expert_ms
    {0.0, 5.0, 60.0},  // step_ms
    {0.9, 1.03, 1.6},  // slowdown
}};

constexpr std::array kGpuOrder{GpuNumber::gemm,    GpuNumber::narrow,  GpuNumber::attention,
                               GpuNumber::batched, GpuNumber::memory,  GpuNumber::link,
                               GpuNumber::pcie,    GpuNumber::network, GpuNumber::launch_us};
constexpr std::array kFrameworkOrder{FrameworkNumber::passes,  FrameworkNumber::kernels,
                                     FrameworkNumber::exposed, FrameworkNumber::overlap,
                                     FrameworkNumber::expert,  FrameworkNumber::expert_ms,
                                     FrameworkNumber::step_ms, FrameworkNumber::slowdown};

/// Whose numbers a kind leans on while it is fitted, and takes when it has none of its own.
struct Member {
    std::string_view name;
    std::string_view family;
};
constexpr std::array kGpuFamilies{Member{"GH100", "hopper"},
                                  Member{"h100-96-hbm2e-500w", "hopper"},
                                  Member{"GB100", "blackwell"},
                                  Member{"GB110", "blackwell"},
                                  Member{"b200", "blackwell"},
                                  Member{"gb200", "blackwell"},
                                  Member{"b300", "blackwell"},
                                  Member{"gb300", "blackwell"},
                                  Member{"AD102", "workstation"},
                                  Member{"AD104", "workstation"},
                                  Member{"GB202", "workstation"},
                                  Member{"rtx-4090", "workstation"},
                                  Member{"rtx-5090", "workstation"},
                                  Member{"rtx-5060ti", "workstation"},
                                  Member{"rtx-pro-6000-blackwell", "workstation"},
                                  Member{"l40s", "workstation"},
                                  Member{"GA102", "workstation-ampere"},
                                  Member{"rtx-3090", "workstation-ampere"},
                                  Member{"rtx-a5000", "workstation-ampere"}};
constexpr std::array kFrameworkFamilies{Member{"megatron-core", "megatron"},
                                        Member{"megatron-core-2026", "megatron"},
                                        Member{"hai-llm", "megatron"},
                                        Member{"fsdp1", "pytorch"},
                                        Member{"llm-foundry", "pytorch"},
                                        Member{"torchtitan", "pytorch"},
                                        Member{"torchtune", "pytorch"},
                                        Member{"litgpt", "pytorch"},
                                        Member{"hf", "pytorch"},
                                        Member{"fsdp-qlora", "pytorch"},
                                        Member{"deepspeed", "pytorch"},
                                        Member{"internevo", "pytorch"},
                                        Member{"nanotron", "pytorch"},
                                        Member{"llmq", "native"},
                                        Member{"llm.c", "native"}};

std::string_view family_in(std::span<const Member> members, std::string_view name) {
    const auto found = std::ranges::find(members, name, &Member::name);
    return found == members.end() ? std::string_view() : found->family;
}

/// The set of that name, else its family's, else the prior.
template <class Timing>
Timing timing_of(const std::map<std::string, Timing>& sets, const std::string& name,
                 std::string_view family, Timing prior) {
    if (const auto own = sets.find(name); own != sets.end()) return own->second;
    const auto shared = sets.find(std::string(family));
    return shared != sets.end() ? shared->second : prior;
}

template <class Order, class Values>
Json numbers_json(const Order& order, const Values& values) {
    Json json = Json::object();
    for (std::size_t i = 0; i < order.size(); ++i) json[std::string(name(order[i]))] = values[i];
    return json;
}

template <class Order, class Values>
Values numbers_from(const JsonCursor& json, const Order& order, Values values) {
    std::vector<std::string> known;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const auto range = range_of(order[i]);
        known.emplace_back(name(order[i]));
        values[i] = json.number_or(known.back(), values[i], range.low, range.high);
    }
    json.only(known);
    return values;
}

Json text_json(const std::map<std::string, std::string>& texts) {
    Json json = Json::object();
    for (const auto& [key, text] : texts) json[key] = text;
    return json;
}

std::map<std::string, std::string> texts_from(const JsonCursor& json, std::string_view key) {
    std::map<std::string, std::string> out;
    if (const auto found = json.find(key)) {
        for (const auto& [member, value] : found->members()) out[member] = value.string();
    }
    return out;
}

}  // namespace

NumberRange range_of(GpuNumber number) { return kGpuRanges[static_cast<std::size_t>(number)]; }
NumberRange range_of(FrameworkNumber number) {
    return kFrameworkRanges[static_cast<std::size_t>(number)];
}

GpuTiming prior_gpu_timing() {
    GpuTiming timing{};
    for (std::size_t i = 0; i < timing.size(); ++i) timing[i] = kGpuRanges[i].prior;
    return timing;
}

FrameworkTiming prior_framework_timing() {
    FrameworkTiming timing{};
    for (std::size_t i = 0; i < timing.size(); ++i) timing[i] = kFrameworkRanges[i].prior;
    return timing;
}

std::string_view gpu_family(std::string_view kind) { return family_in(kGpuFamilies, kind); }
std::string_view framework_family(std::string_view framework) {
    return family_in(kFrameworkFamilies, framework);
}

GpuTiming TimingProfile::gpu(const std::string& kind) const {
    return timing_of(gpus, kind, gpu_family(kind), prior_gpu_timing());
}

FrameworkTiming TimingProfile::framework(const std::string& framework_name) const {
    return timing_of(frameworks, framework_name, framework_family(framework_name),
                     prior_framework_timing());
}

BandFactors TimingProfile::band(std::initializer_list<std::string> names) const {
    for (const auto& entry : names) {
        if (const auto found = bands.find(entry); found != bands.end()) return found->second;
    }
    return {};
}

Json to_json(const TimingProfile& profile) {
    Json json{{"format", 1},
              {"gpus", Json::object()},
              {"frameworks", Json::object()},
              {"bands", Json::object()}};
    for (const auto& [kind, timing] : profile.gpus) {
        json["gpus"][kind] = numbers_json(kGpuOrder, timing);
    }
    for (const auto& [framework, timing] : profile.frameworks) {
        json["frameworks"][framework] = numbers_json(kFrameworkOrder, timing);
    }
    for (const auto& [key, band] : profile.bands) {
        json["bands"][key] = {{"low", band.low}, {"high", band.high}, {"rows", band.rows}};
    }
    json["fitted_on"] = text_json(profile.fitted_on);
    json["sources"] = text_json(profile.sources);
    return json;
}

TimingProfile timing_profile_from_json(const JsonCursor& json) {
    json.only({"format", "gpus", "frameworks", "bands", "fitted_on", "sources"});
    TimingProfile profile;
    for (const auto& [kind, value] : json.at("gpus").members()) {
        profile.gpus[kind] = numbers_from(value, kGpuOrder, prior_gpu_timing());
    }
    for (const auto& [framework, value] : json.at("frameworks").members()) {
        profile.frameworks[framework] =
            numbers_from(value, kFrameworkOrder, prior_framework_timing());
    }
    for (const auto& [key, value] : json.at("bands").members()) {
        value.only({"low", "high", "rows"});
        profile.bands[key] = {value.at("low").number(0.01, 1.0),
                              value.at("high").number(1.0, 100.0),
                              value.integer_or("rows", 0, 0, 1'000'000)};
    }
    profile.fitted_on = texts_from(json, "fitted_on");
    profile.sources = texts_from(json, "sources");
    return profile;
}

}  // namespace headroom
