#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "planner/base/json.h"
#include "planner/spec/knob.h"
#include "planner/spec/listed_technique.h"
#include "planner/spec/plan_request.h"
#include "planner/spec/profile_text.h"
#include "planner/spec/request_checks.h"

namespace headroom {
namespace {

constexpr std::int64_t kRequestFormat = 1;
constexpr std::string_view kTrain = "/train";
constexpr std::string_view kLayout = "/layout";

void check_format(const JsonCursor& json) {
    const auto format = json.find("format");
    if (!format) return;
    const auto version = format->integer(1, std::numeric_limits<std::int64_t>::max());
    if (version > kRequestFormat) {
        format->fail(fmt::format("is {}, this version reads up to {}", version, kRequestFormat));
    }
}

/// Whether the name means the preset of that id, as opposed to a file: ids are "owner/model".
bool is_preset(const std::string& asked, const std::string& id) {
    const auto slash = id.find('/');
    if (slash == std::string::npos) return false;
    const auto wanted = lower_case(asked);
    return wanted == lower_case(id) || wanted == lower_case(id.substr(slash + 1));
}

bool names_gpu(const std::string& asked, const HardwareProfile& gpu) {
    const auto wanted = lower_case(asked);
    return wanted == gpu.id || std::ranges::find(gpu.aliases, wanted) != gpu.aliases.end();
}

/// A model, and the preset's id where its name means one.
struct NamedModel {
    ModelSpec spec{};
    std::string name{};
};

NamedModel read_model(const JsonCursor& json, const Library& library) {
    if (!json.is_string()) return {model_spec_from_json(json)};
    if (!library.model) json.fail("is a name, but no model presets are known here");
    NamedModel out{library.model(json.string(), json.pointer())};
    if (is_preset(json.string(), out.spec.name)) out.name = out.spec.name;
    return out;
}

Json written(const ModelSpec& spec, const std::string& name) {
    return name.empty() ? to_json(spec) : Json(name);
}

HardwareProfile read_gpu(const JsonCursor& json, const Library& library) {
    return json.is_string() ? library.hardware.gpu(json.string(), json.pointer())
                            : hardware_profile_from_json(json);
}

NodeProfile read_node(const JsonCursor& json, const Library& library) {
    return json.is_string() ? library.hardware.node(json.string(), json.pointer())
                            : node_profile_from_json(json);
}

HardwareRequest read_hardware(const JsonCursor& json, const Library& library) {
    json.only({"gpu", "gpus", "node", "usd_per_gpu_hour"});
    HardwareRequest hardware;
    const auto gpu = json.at("gpu");
    hardware.profile = read_gpu(gpu, library);
    bool named = gpu.is_string() && names_gpu(gpu.string(), hardware.profile);
    if (named) hardware.gpu = gpu.string();
    if (const auto node = json.find("node")) {
        hardware.profile.node = read_node(*node, library);
        named =
            named && node->is_string() && lower_case(node->string()) == hardware.profile.node.id;
        if (named) hardware.node = node->string();
    }
    // A GPU or node from elsewhere has no name to be found by again: the profile travels inline.
    if (!named) hardware.gpu.clear();
    hardware.gpus = json.integer_or("gpus", 1, 1, kMostGpus);
    if (const auto price = json.find("usd_per_gpu_hour")) {
        hardware.usd_per_gpu_hour = Usd{price->number(0, kMostUsd)};
    }
    return hardware;
}

void read_knobs(const JsonCursor& json, std::string_view group, PlanRequest& request) {
    const auto members = knobs_of(group);
    std::vector<std::string> known;
    known.reserve(members.size() + 1);
    for (const auto* each : members) known.emplace_back(each->key());
    if (std::ranges::find(known, "id") == known.end() && group.starts_with("/techniques/")) {
        known.emplace_back("id");
    }
    if (group == kDistillationGroup) known.emplace_back(kTeacherKey);
    json.only(known);
    for (const auto* each : members) {
        if (const auto found = json.find(each->key())) {
            each->assign(request, value_from_json(*each, *found));
        }
    }
}

/// The degree that the GPUs leave for data parallelism, if they divide.
std::optional<std::int64_t> remaining_degree(const PlanRequest& request) {
    const auto& layout = request.layout;
    const auto others = layout.tensor * layout.context * layout.pipeline;
    if (others <= 0 || request.hardware.gpus % others != 0) return std::nullopt;
    return request.hardware.gpus / others;
}

void read_layout(const std::optional<JsonCursor>& json, PlanRequest& request) {
    if (json) read_knobs(*json, kLayout, request);
    if (json && json->find("data")) return;
    const auto data = remaining_degree(request);
    const auto& layout = request.layout;
    if (!data) {
        throw InputError(
            json ? json->pointer() : std::string(kLayout),
            fmt::format("tensor {} x context {} x pipeline {} does not divide {} GPUs",
                        layout.tensor, layout.context, layout.pipeline, request.hardware.gpus));
    }
    request.layout.data = *data;
}

void read_teacher(const JsonCursor& json, const Library& library, PlanRequest& request) {
    auto teacher = read_model(json.at(std::string(kTeacherKey)), library);
    request.distill.teacher = std::move(teacher.spec);
    request.distill.teacher_name = std::move(teacher.name);
}

void read_techniques(const JsonCursor& json, const Library& library, PlanRequest& request) {
    std::set<std::string_view> seen;
    for (const auto& element : json.elements()) {
        const auto id = element.at("id");
        const auto& listed = listed_as(id);
        if (!seen.insert(listed.group).second) {
            id.fail(fmt::format("is {}, but one of {} is listed already", quoted(id.value()),
                                fmt::join(ids_of(listed.group), ", ")));
        }
        read_knobs(element, listed.group, request);
        if (listed.group == kDistillationGroup) read_teacher(element, library, request);
        if (listed.is_on(request)) continue;
        std::vector<std::string_view> keys;
        for (const auto* each : knobs_of(listed.group)) keys.push_back(each->key());
        element.fail(
            fmt::format("switches nothing on; its settings are {}", fmt::join(keys, ", ")));
    }
}

PlanRequest read_request(const JsonCursor& json, const Library& library) {
    json.only(
        {"$schema", "format", "model", "hardware", "train", "layout", "techniques", "engine"});
    check_format(json);
    PlanRequest request;
    auto model = read_model(json.at("model"), library);
    request.model = std::move(model.spec);
    request.model_name = std::move(model.name);
    request.hardware = read_hardware(json.at("hardware"), library);
    if (const auto train = json.find("train")) read_knobs(*train, kTrain, request);
    read_layout(json.find("layout"), request);
    if (const auto techniques = json.find("techniques"))
        read_techniques(*techniques, library, request);
    if (const auto engine = json.find("engine")) request.engine = id_from_json(*engine);
    return request;
}

/// The settings of a group that differ from `plain`.
Json written(const PlanRequest& request, std::string_view group, const PlanRequest& plain) {
    Json out = Json::object();
    for (const auto* each : knobs_of(group)) {
        const auto value = each->get(request);
        if (value != each->get(plain)) out[std::string(each->key())] = to_json(value);
    }
    return out;
}

Json written(const HardwareRequest& hardware) {
    const auto& profile = hardware.profile;
    const bool node_found = hardware.node.empty() || lower_case(hardware.node) == profile.node.id;
    Json out{{"gpus", hardware.gpus}};
    if (names_gpu(hardware.gpu, profile) && node_found) {
        out["gpu"] = hardware.gpu;
        if (!hardware.node.empty()) out["node"] = hardware.node;
    } else {
        out["gpu"] = to_json(profile);
    }
    if (hardware.usd_per_gpu_hour) out["usd_per_gpu_hour"] = hardware.usd_per_gpu_hour->count();
    return out;
}

}  // namespace

PlanRequest request_from_json(const JsonCursor& json, const Library& library) {
    check_format(json);
    const auto inner = json.find("request");
    return read_request(inner ? *inner : json, library);
}

Json to_json(const PlanRequest& request) {
    PlanRequest plain;
    // Data parallelism over what the other degrees leave goes without saying.
    plain.layout.data = remaining_degree(request).value_or(0);
    Json out{{"format", kRequestFormat},
             {"hardware", written(request.hardware)},
             {"train", written(request, kTrain, plain)},
             {"layout", written(request, kLayout, plain)},
             {"techniques", Json::array()},
             {"engine", request.engine}};
    out["model"] = written(request.model, request.model_name);
    for (const auto& listed : listed_techniques()) {
        if (!listed.is_on(request)) continue;
        Json technique = written(request, listed.group, plain);
        if (!technique.contains("id")) technique["id"] = ids_of(listed.group).front();
        if (listed.group == kDistillationGroup) {
            technique[std::string(kTeacherKey)] =
                written(*request.distill.teacher, request.distill.teacher_name);
        }
        out["techniques"].push_back(technique);
    }
    return out;
}

}  // namespace headroom
