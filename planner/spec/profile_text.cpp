#include "planner/spec/profile_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "planner/base/json.h"

namespace headroom {

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string id_from_json(const JsonCursor& json) {
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    const auto& text = json.string();
    const bool usable =
        !text.empty() && text.size() <= 64 && text.find_first_not_of(allowed) == std::string::npos;
    if (!usable) {
        json.fail(fmt::format("is {}, must be 1 to 64 of the characters a-z 0-9 . _ -",
                              quoted(json.value())));
    }
    return text;
}

std::string choice_from_json(const JsonCursor& json, const std::vector<std::string>& known) {
    const auto& text = json.string();
    if (std::ranges::find(known, text) == known.end()) {
        json.fail(
            fmt::format("is {}, must be one of {}", quoted(json.value()), fmt::join(known, ", ")));
    }
    return text;
}

std::map<std::string, std::string> sources_from_json(const JsonCursor& json,
                                                     const std::vector<std::string>& known) {
    std::map<std::string, std::string> sources;
    for (const auto& [key, text] : json.members()) {
        const auto head = key.substr(0, key.find('/'));
        if (std::ranges::find(known, head) == known.end()) {
            text.fail(fmt::format("is the source of an unknown key; the nearest is \"{}\"",
                                  fmt::join(nearest(head, known, 1), "")));
        }
        sources.emplace(key, text.string());
    }
    return sources;
}

}  // namespace headroom
