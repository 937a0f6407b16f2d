#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "planner/base/error.h"
#include "planner/import/model_files.h"

namespace headroom {
namespace {

constexpr std::string_view kSeparator = "__";

std::string lowered(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

}  // namespace

std::vector<std::string> preset_ids(const std::filesystem::path& profiles_root) {
    const auto folder = profiles_root / "models";
    std::error_code failure;
    std::vector<std::string> ids;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
        if (entry.path().extension() != ".json") continue;
        const auto stem = entry.path().stem().string();
        const auto at = stem.find(kSeparator);
        ids.push_back(at == std::string::npos ? stem
                                              : fmt::format("{}/{}", stem.substr(0, at),
                                                            stem.substr(at + kSeparator.size())));
    }
    if (failure) throw InputError(folder.string(), "holds no model presets: " + failure.message());
    std::ranges::sort(ids);
    return ids;
}

std::optional<std::string> find_preset(const std::string& name,
                                       const std::vector<std::string>& ids) {
    const auto wanted = lowered(name);
    std::vector<std::string> short_matches;
    for (const auto& id : ids) {
        if (lowered(id) == wanted) return id;
        if (lowered(id.substr(id.find('/') + 1)) == wanted) short_matches.push_back(id);
    }
    if (short_matches.size() == 1) return short_matches.front();
    return std::nullopt;
}

std::filesystem::path preset_file(const std::filesystem::path& profiles_root,
                                  const std::string& id) {
    const auto at = id.find('/');
    const auto stem = at == std::string::npos
                          ? id
                          : fmt::format("{}{}{}", id.substr(0, at), kSeparator, id.substr(at + 1));
    return profiles_root / "models" / fmt::format("{}.json", stem);
}

}  // namespace headroom
