#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "planner/base/json_fwd.h"

namespace headroom {

std::string lower_case(std::string_view text);

/// An id or alias: 1 to 64 of a-z 0-9 . _ -
std::string id_from_json(const JsonCursor& json);

/// One of `known`; throws with the nearest of them.
std::string choice_from_json(const JsonCursor& json, const std::vector<std::string>& known);

/// {"key" or "key/part": text}; every key must begin with one of `known`.
std::map<std::string, std::string> sources_from_json(const JsonCursor& json,
                                                     const std::vector<std::string>& known);

}  // namespace headroom
