#include "planner/spec/profile_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "planner/base/json.h"
#include "planner/spec/profile_text.h"

namespace headroom {
namespace {

namespace fs = std::filesystem;

constexpr JsonLimits kProfileLimits{.max_bytes = 1U << 20U, .max_depth = 16};

ProfileKind kind_of(const JsonCursor& json) {
    const auto kind = json.find("kind");
    if (!kind) return ProfileKind::gpu;
    const auto text = choice_from_json(*kind, {"gpu", "node", "prices"});
    if (text == "gpu") return ProfileKind::gpu;
    return text == "node" ? ProfileKind::node : ProfileKind::prices;
}

ProfileDocument read_document(const fs::path& path) {
    ProfileDocument document{.json = read_json_file(path, kProfileLimits),
                             .origin = path.string() + "#"};
    document.kind = kind_of(document.cursor());
    document.json.erase("$schema");
    document.json.erase("kind");
    return document;
}

std::vector<fs::path> json_files_below(const fs::path& directory) {
    std::vector<fs::path> files;
    std::error_code failure;
    for (auto entry = fs::recursive_directory_iterator(directory, failure);
         !failure && entry != fs::recursive_directory_iterator(); entry.increment(failure)) {
        if (entry->path().extension() == ".json") files.push_back(entry->path());
    }
    if (failure) throw InputError(directory.string(), "cannot be listed: " + failure.message());
    std::ranges::sort(files);
    return files;
}

void name_as_source(Json& target, const Json& patch, const std::string& text) {
    Json& sources = target["sources"];
    for (const auto& [key, value] : patch.items()) {
        if (value.is_number()) sources[key] = text;
        if (!value.is_object() || key == "node" || key == "sources") continue;
        for (const auto& [part, number] : value.items()) {
            if (number.is_number()) sources[key + "/" + part] = text;
        }
    }
}

}  // namespace

std::string ProfileDocument::base() const { return lower_case(cursor().string_or("base", "")); }

std::vector<ProfileDocument> read_profile_documents(const fs::path& path) {
    std::error_code ignored;
    if (fs::is_regular_file(path, ignored)) return {read_document(path)};
    if (!fs::is_directory(path, ignored)) {
        throw InputError(path.string(), "is neither a profile nor a directory of profiles");
    }
    std::vector<ProfileDocument> documents;
    for (const auto& file : json_files_below(path)) documents.push_back(read_document(file));
    return documents;
}

void check_ids_differ(const std::vector<ProfileDocument>& documents) {
    std::map<std::pair<ProfileKind, std::string>, std::string> origins;
    for (const auto& document : documents) {
        if (document.kind == ProfileKind::prices) continue;
        const auto id = document.cursor().at("id");
        const auto [first, is_new] =
            origins.try_emplace({document.kind, id_from_json(id)}, document.origin);
        if (is_new) continue;
        id.fail(fmt::format("is {}, which {} has already", quoted(id.value()),
                            first->second.substr(0, first->second.size() - 1)));
    }
}

Json merged_onto(const Json& base, const ProfileDocument& document) {
    Json patch = document.json;
    patch.erase("base");
    Json out = base;
    if (patch.contains("id") && patch["id"] != out["id"]) out.erase("aliases");
    const auto text = "override: " + document.origin.substr(0, document.origin.size() - 1);
    name_as_source(out, patch, text);
    const bool changes_node = patch.contains("node") && patch["node"].is_object();
    if (changes_node) name_as_source(out["node"], patch["node"], text);
    out.merge_patch(patch);
    return out;
}

}  // namespace headroom
