#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "planner/base/json.h"
#include "planner/spec/hardware_profile.h"
#include "planner/spec/profile_files.h"
#include "planner/spec/profile_text.h"

namespace headroom {
namespace {

using Gpus = std::vector<HardwareProfile>;
using Nodes = std::vector<NodeProfile>;
using Documents = std::vector<ProfileDocument>;

bool is_named(const NodeProfile& node, const std::string& name) { return node.id == name; }
bool is_named(const HardwareProfile& gpu, const std::string& name) {
    return gpu.id == name || std::ranges::find(gpu.aliases, name) != gpu.aliases.end();
}

void append_names(std::vector<std::string>& names, const NodeProfile& node) {
    names.push_back(node.id);
}
void append_names(std::vector<std::string>& names, const HardwareProfile& gpu) {
    names.push_back(gpu.id);
    names.insert(names.end(), gpu.aliases.begin(), gpu.aliases.end());
}

/// The profile of that name, whatever its case; null when there is none.
template <class Profiles>
auto find_named(Profiles& profiles, const std::string& name) {
    const auto wanted = lower_case(name);
    const auto found =
        std::ranges::find_if(profiles, [&](const auto& each) { return is_named(each, wanted); });
    return found == profiles.end() ? nullptr : &*found;
}

template <class Profiles>
[[noreturn]] void fail_unknown(const Profiles& profiles, const char* what, const std::string& name,
                               const std::string& pointer) {
    std::vector<std::string> names;
    for (const auto& each : profiles) append_names(names, each);
    throw InputError(pointer,
                     fmt::format("unknown {} {}; the nearest are {}", what, quoted(Json(name)),
                                 fmt::join(nearest(name, names), ", ")));
}

template <class Profile>
Json on_its_base(const ProfileDocument& document, const std::vector<Profile>& known) {
    const auto base = document.base();
    if (base.empty()) return document.json;
    const auto* found = find_named(known, base);
    if (!found) fail_unknown(known, "base", base, document.origin + "/base");
    return merged_onto(to_json(*found), document);
}

NodeProfile parse_node(const ProfileDocument& document, const Nodes& nodes) {
    const Json json = on_its_base(document, nodes);
    return node_profile_from_json({json, document.origin});
}

HardwareProfile parse_gpu(const ProfileDocument& document, const Gpus& gpus, const Nodes& nodes) {
    Json json = on_its_base(document, gpus);
    if (const auto node = JsonCursor(json, document.origin).at("node"); node.is_string()) {
        const auto* found = find_named(nodes, node.string());
        if (!found) fail_unknown(nodes, "node", node.string(), node.pointer());
        json["node"] = to_json(*found);
    }
    return hardware_profile_from_json({json, document.origin});
}

template <class Profile>
void put(std::vector<Profile>& profiles, Profile profile) {
    const auto place = std::ranges::find(profiles, profile.id, &Profile::id);
    if (place == profiles.end()) {
        profiles.push_back(std::move(profile));
    } else {
        *place = std::move(profile);
    }
}

/// Adds each document of one kind once its base is there, in whatever order the files come.
template <class Profile, class Parse>
void add_kind(std::vector<Profile>& profiles, const Documents& documents, ProfileKind kind,
              Parse parse) {
    std::vector<const ProfileDocument*> pending;
    for (const auto& document : documents) {
        if (document.kind == kind) pending.push_back(&document);
    }
    while (!pending.empty()) {
        // A base with the document's own id is the profile of an earlier layer.
        const auto is_ready = [&](const ProfileDocument* document) {
            return std::ranges::none_of(pending, [&](const ProfileDocument* other) {
                return other != document && other->json["id"] == document->base();
            });
        };
        std::vector<const ProfileDocument*> ready;
        std::vector<const ProfileDocument*> waiting;
        for (const auto* each : pending) (is_ready(each) ? ready : waiting).push_back(each);
        if (ready.empty()) pending.front()->cursor().at("base").fail("leads back to this profile");
        for (const auto* each : ready) put(profiles, parse(*each));
        pending = std::move(waiting);
    }
}

/// A layer's prices replace those of earlier layers, GPU by GPU.
void add_prices(Gpus& gpus, const Documents& documents) {
    std::set<std::string> priced;
    for (const auto& document : documents) {
        if (document.kind != ProfileKind::prices) continue;
        document.cursor().only({"prices"});
        for (const auto& entry : document.cursor().at("prices").elements()) {
            const auto name = entry.at("gpu");
            auto* gpu = find_named(gpus, name.string());
            if (!gpu) fail_unknown(gpus, "GPU", name.string(), name.pointer());
            if (priced.insert(gpu->id).second) gpu->prices.clear();
            Json price = entry.value();
            price.erase("gpu");
            gpu->prices.push_back(price_from_json({price, entry.pointer()}));
        }
    }
}

void add_layer(Gpus& gpus, Nodes& nodes, const Documents& documents) {
    check_ids_differ(documents);
    add_kind(nodes, documents, ProfileKind::node,
             [&](const ProfileDocument& document) { return parse_node(document, nodes); });
    add_kind(gpus, documents, ProfileKind::gpu,
             [&](const ProfileDocument& document) { return parse_gpu(document, gpus, nodes); });
    add_prices(gpus, documents);
}

void check_names_differ(const Gpus& gpus) {
    std::map<std::string, std::string> owners;
    for (const auto& gpu : gpus) {
        std::vector<std::string> names;
        append_names(names, gpu);
        for (const auto& each : names) {
            const auto [owner, is_new] = owners.try_emplace(each, gpu.id);
            if (is_new) continue;
            throw InputError(gpu.id, fmt::format(R"(the name "{}" belongs to "{}" already)", each,
                                                 owner->second));
        }
    }
}

/// The document of a file named instead of a profile; nothing when `name` is no such path.
std::optional<ProfileDocument> document_named(const std::string& name, ProfileKind kind,
                                              const std::string& pointer) {
    if (!lower_case(name).ends_with(".json")) return std::nullopt;
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(name, ignored)) {
        throw InputError(pointer, fmt::format("there is no profile file {}", quoted(Json(name))));
    }
    auto document = read_profile_documents(name).front();
    if (document.kind != kind) {
        throw InputError(pointer,
                         fmt::format("{} is a profile of another kind", quoted(Json(name))));
    }
    return document;
}

}  // namespace

HardwareCatalog HardwareCatalog::load(const std::filesystem::path& profiles_root,
                                      const std::vector<std::filesystem::path>& overrides) {
    HardwareCatalog catalog;
    auto shipped = read_profile_documents(profiles_root / "hardware");
    for (auto& each : read_profile_documents(profiles_root / "prices")) {
        shipped.push_back(std::move(each));
    }
    add_layer(catalog.gpus_, catalog.nodes_, shipped);
    for (const auto& path : overrides) {
        add_layer(catalog.gpus_, catalog.nodes_, read_profile_documents(path));
    }
    std::ranges::sort(catalog.gpus_, {}, &HardwareProfile::id);
    std::ranges::sort(catalog.nodes_, {}, &NodeProfile::id);
    check_names_differ(catalog.gpus_);
    return catalog;
}

HardwareProfile HardwareCatalog::gpu(const std::string& name, const std::string& pointer) const {
    if (const auto* found = find_named(gpus_, name)) return *found;
    if (const auto document = document_named(name, ProfileKind::gpu, pointer)) {
        return parse_gpu(*document, gpus_, nodes_);
    }
    fail_unknown(gpus_, "GPU", name, pointer);
}

NodeProfile HardwareCatalog::node(const std::string& name, const std::string& pointer) const {
    if (const auto* found = find_named(nodes_, name)) return *found;
    if (const auto document = document_named(name, ProfileKind::node, pointer)) {
        return parse_node(*document, nodes_);
    }
    fail_unknown(nodes_, "node", name, pointer);
}

}  // namespace headroom
