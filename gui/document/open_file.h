#pragma once

#include <QString>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "planner/plan/measurement.h"
#include "planner/plan/plan_json.h"

namespace headroom::gui {

/// A model's own file: config.json, safetensors or an index.
struct OpenedModel {
    ModelSpec model{};
    std::vector<std::string> notes{};
};
struct OpenedHardware {
    HardwareProfile profile{};
};

/// What a file turned out to hold.
using Opened = std::variant<StoredPlan, OpenedModel, OpenedHardware, Measurement>;

/// Reads a plan, request, model, GPU profile or measurement, whichever the file is. Throws
/// InputError, which names the place in the file.
Opened open_file(const QString& path, const Library& library);

}  // namespace headroom::gui
