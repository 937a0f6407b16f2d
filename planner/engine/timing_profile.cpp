#include "planner/engine/timing_profile.h"

#include <algorithm>

#include "planner/base/json.h"

namespace headroom {
namespace {

/// Efficiencies of a rated speed lie below 1; what the profile's own fraction holds back may be
/// exceeded a little.
constexpr std::array<NumberRange, kGpuNumbers> kGpuRanges{{
    {0.25, 0.75, 1.00},  // gemm
    {0.15, 0.60, 1.00},  // narrow
    {0.08, 0.50, 0.95},  // attention
    {0.10, 0.45, 0.95},  // batched
    {0.20, 0.75, 0.95},  // memory
    {0.10, 0.80, 1.15},  // link
    {0.05, 0.80, 1.15},  // network
    {2.0, 6.0, 12.0},    // launch_us
}};
constexpr std::array<NumberRange, kFrameworkNumbers> kFrameworkRanges{{
    {0.3, 1.5, 8.0},    // passes
    {0.02, 2.0, 15.0},  // kernels
    {0.0, 0.3, 1.0},    // exposed
    {0.0, 0.2, 0.95},   // overlap
    {0.05, 0.7, 1.5},   // expert
    {0.0, 5.0, 60.0},   // step_ms
    {0.9, 1.03, 1.6},   // slowdown
}};

constexpr std::array kGpuOrder{GpuNumber::gemm,    GpuNumber::narrow,   GpuNumber::attention,
                               GpuNumber::batched, GpuNumber::memory,   GpuNumber::link,
                               GpuNumber::network, GpuNumber::launch_us};
constexpr std::array kFrameworkOrder{FrameworkNumber::passes,  FrameworkNumber::kernels,
                                     FrameworkNumber::exposed, FrameworkNumber::overlap,
                                     FrameworkNumber::expert,  FrameworkNumber::step_ms,
                                     FrameworkNumber::slowdown};

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

GpuTiming TimingProfile::gpu(const std::string& kind) const {
    const auto found = gpus.find(kind);
    return found != gpus.end() ? found->second : prior_gpu_timing();
}

FrameworkTiming TimingProfile::framework(const std::string& framework_name) const {
    const auto found = frameworks.find(framework_name);
    return found != frameworks.end() ? found->second : prior_framework_timing();
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
