#pragma once

#include <filesystem>
#include <string>

#include "planner/base/json.h"
#include "planner/import/hf_config.h"

namespace headroom::test {

inline const std::filesystem::path kProfiles = HEADROOM_PROFILES;

inline ModelSpec spec_of(const Json& config) {
    return model_from_hf_config(JsonCursor(config, ""), "");
}

/// A config of `family` with `keys`.
inline ModelSpec built(const std::string& family, Json keys = Json::object()) {
    keys["model_type"] = family;
    return spec_of(keys);
}

/// The config.json that a shipped model was read from.
inline Json preset_config(const std::string& file) {
    return read_json_file(kProfiles / "models" / (file + ".json")).at("config");
}

}  // namespace headroom::test
