#include "planner/spec/listed_technique.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "planner/base/json.h"

namespace headroom {
namespace {

constexpr std::array kListed{
    ListedTechnique{kAdapterGroup,
                    [](const PlanRequest& r) { return r.adapter.kind != AdapterKind::none; }},
    ListedTechnique{"/techniques/qat", [](const PlanRequest& r) { return r.qat.is_on(); }},
    ListedTechnique{"/techniques/pruning", [](const PlanRequest& r) { return r.prune.is_on(); }},
    ListedTechnique{kDistillationGroup, [](const PlanRequest& r) { return r.distill.is_on(); }},
    ListedTechnique{"/techniques/recompute",
                    [](const PlanRequest& r) { return r.recompute.mode != RecomputeMode::none; }},
    ListedTechnique{"/techniques/offload",
                    [](const PlanRequest& r) { return !(r.offload == OffloadSpec{}); }},
};

[[noreturn]] void fail_unknown(const JsonCursor& id) {
    std::vector<std::string> ids;
    for (const auto& listed : kListed) {
        for (const auto& each : ids_of(listed.group)) ids.push_back(each);
    }
    std::vector<std::string_view> paths;
    for (const auto& each : knobs()) {
        if (each.technique == id.string()) paths.push_back(each.path);
    }
    if (!paths.empty()) {
        id.fail(fmt::format("is {}, whose settings are {}", quoted(id.value()),
                            fmt::join(paths, ", ")));
    }
    id.fail(fmt::format("is {}, which is no technique; the nearest is \"{}\"", quoted(id.value()),
                        fmt::join(nearest(id.string(), ids, 1), "")));
}

}  // namespace

std::span<const ListedTechnique> listed_techniques() { return kListed; }

std::vector<const Knob*> knobs_of(std::string_view group) {
    std::vector<const Knob*> out;
    for (const auto& each : knobs()) {
        if (each.group() == group) out.push_back(&each);
    }
    return out;
}

std::vector<std::string> ids_of(std::string_view group) {
    std::vector<std::string> ids;
    for (const auto* each : knobs_of(group)) {
        if (each->key() == "id") ids.assign(each->choices.begin() + 1, each->choices.end());
    }
    if (ids.empty()) ids.emplace_back(group.substr(group.rfind('/') + 1));
    return ids;
}

const ListedTechnique& listed_as(const JsonCursor& id) {
    for (const auto& listed : kListed) {
        const auto ids = ids_of(listed.group);
        if (std::ranges::find(ids, id.string()) != ids.end()) return listed;
    }
    fail_unknown(id);
}

}  // namespace headroom
