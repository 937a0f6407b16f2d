#pragma once

#include <string>
#include <vector>

#include "gui/document/edits.h"
#include "planner/base/json.h"
#include "planner/plan/findings.h"
#include "planner/plan/plan_json.h"
#include "tests/gui/window_fixture.h"

namespace headroom::test {

inline const Library& known() {
    static const Library kLibrary = library();
    return kLibrary;
}

/// Full fine-tuning of Llama 3.1 8B, data parallel.
inline PlanRequest llama8b(const std::string& gpu, std::int64_t gpus) {
    auto request = gui::empty_request();
    request = gui::with_model(request, "meta-llama/Llama-3.1-8B",
                              known().model("meta-llama/Llama-3.1-8B", ""));
    request = gui::with_gpu(request, gpu, known().hardware.gpu(gpu, ""));
    return gui::with_gpus(request, gpus);
}

/// The plan that tests/gui/data/measurement.json is a run of.
inline Plan measured_plan() {
    const Json json = read_json_file(HEADROOM_TEST_DATA "/gui/data/request.json");
    return predict(plan_from_json({json, ""}, known()).request);
}

/// The measurement as a run of today's lowering of its plan, with the keys of today's documents.
inline Json measurement_document() {
    Json json = to_json(Measurement{});
    const Json kept = read_json_file(HEADROOM_TEST_DATA "/gui/data/measurement.json");
    for (const auto& [key, value] : kept.items()) {
        if (json.contains(key)) json[key] = value;
    }
    json["digest"] = measured_plan().predicted.digest;
    return json;
}

inline std::vector<Finding> measured_findings() {
    const Json json = measurement_document();
    return findings(measured_plan(), measurement_from_json({json, ""}));
}

}  // namespace headroom::test
