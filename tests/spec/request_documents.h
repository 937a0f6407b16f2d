#pragma once

#include <string>

#include "planner/base/json.h"
#include "planner/import/model_source.h"
#include "planner/spec/plan_request.h"
#include "tests/spec/hardware_files.h"

namespace headroom {

/// The shipped profiles and presets.
inline const Library& shipped_library() {
    static const Library library{.profiles_root = HEADROOM_PROFILES,
                                 .hardware = shipped_hardware(),
                                 .model = [](const std::string& name, const std::string& pointer) {
                                     try {
                                         return load_model(name, HEADROOM_PROFILES).spec.value();
                                     } catch (const InputError& error) {
                                         throw InputError(pointer, error.what());
                                     }
                                 }};
    return library;
}

inline PlanRequest read_request(const Json& json) {
    return request_from_json(JsonCursor(json, ""), shipped_library());
}

inline std::string read_error(const Json& json) {
    return input_error([&] { read_request(json); });
}

/// A document that names a model and GPUs and leaves the rest at its defaults.
inline Json plain_document(const std::string& model = "meta-llama/Llama-3.1-8B",
                           std::int64_t gpus = 1) {
    return {{"model", model}, {"hardware", {{"gpu", "h100"}, {"gpus", gpus}}}};
}

inline std::string validation_error(const PlanRequest& request) {
    return input_error([&] { validate(request); });
}

}  // namespace headroom
