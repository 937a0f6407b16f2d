#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "planner/spec/model_spec.h"
#include "runtime/data/weight_names.h"

namespace headroom {

/// What a module of ours is called in a family's files. "{}" is an expert's number; `second` holds
/// the lower half of a matrix that files store in two.
struct ModuleName {
    std::string_view module;
    std::string_view stored;
    StoredLayout layout = StoredLayout::plain;
    std::string_view second = {};
};

/// The names of a family's files. A module that stands in no list is not in them.
struct FamilyNames {
    std::string_view family;
    bool (*about)(const ModelSpec&) = nullptr;    ///< the family's models that are so; null: all
    std::vector<std::string_view> prefixes = {};  ///< of all but the head, the usual one first
    std::string_view layers = {};
    std::string_view head = {};
    std::span<const ModuleName> outer = {};               ///< outside the layers
    std::vector<std::span<const ModuleName>> inner = {};  ///< in a layer; the first that has it
};

/// The row of a model, or null.
const FamilyNames* family_names(const ModelSpec& model);
/// All rows.
std::span<const FamilyNames> all_family_names();

}  // namespace headroom
