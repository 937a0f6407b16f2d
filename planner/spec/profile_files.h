#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "planner/base/json.h"

namespace headroom {

enum class ProfileKind { gpu, node, prices };

/// One profile file as read: "$schema" and "kind" are taken off.
struct ProfileDocument {
    ProfileKind kind = ProfileKind::gpu;
    Json json{};
    std::string origin{};  ///< file and "#", so that a pointer may follow

    [[nodiscard]] JsonCursor cursor() const { return {json, origin}; }
    /// The id that "base" names, or nothing.
    [[nodiscard]] std::string base() const;
};

/// A file, or every .json below a directory in path order; throws InputError when it is neither.
std::vector<ProfileDocument> read_profile_documents(const std::filesystem::path& path);

/// Throws InputError when two documents of one kind have one id.
void check_ids_differ(const std::vector<ProfileDocument>& documents);

/// `base` with the keys of the document on top. Numbers it changes name the document as their
/// source; a profile with an id of its own does not inherit aliases.
Json merged_onto(const Json& base, const ProfileDocument& document);

}  // namespace headroom
