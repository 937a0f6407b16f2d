#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "planner/base/json.h"
#include "planner/spec/knob.h"

namespace headroom {

/// A technique that a document lists with its settings, rather than among the plain settings.
struct ListedTechnique {
    std::string_view group{};  ///< of its knobs
    bool (*is_on)(const PlanRequest&) = nullptr;
};

/// In the order in which they are written.
std::span<const ListedTechnique> listed_techniques();

/// The one that an "id" names; throws InputError with the nearest id.
const ListedTechnique& listed_as(const JsonCursor& id);

/// Ids under which a group is listed: its own, or the values of its knob "id" that switch it on.
std::vector<std::string> ids_of(std::string_view group);

std::vector<const Knob*> knobs_of(std::string_view group);

}  // namespace headroom
