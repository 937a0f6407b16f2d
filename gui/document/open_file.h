#pragma once

#include <QString>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gui/document/search_question.h"
#include "planner/plan/measurement.h"
#include "planner/plan/plan_json.h"

namespace headroom::gui {

/// A plan or request, with the question that was saved beside it.
struct OpenedPlan {
    Draft draft{};
    std::string digest{};  ///< of the step the file was written for; empty: a bare request
};
/// A model's own file: config.json, safetensors or an index.
struct OpenedModel {
    ModelSpec model{};
    std::vector<std::string> notes{};
};
struct OpenedHardware {
    HardwareProfile profile{};
};

/// What a file turned out to hold.
using Opened = std::variant<OpenedPlan, OpenedModel, OpenedHardware, Measurement>;

/// Reads a plan, request, model, GPU profile or measurement, whichever the file is. Throws
/// InputError, which names the place in the file.
Opened open_file(const QString& path, const Library& library);

/// The document of a draft: its plan, or its request where there is none. A question that is not
/// the usual one stands beside the plan as in the document of a search, so that every reader of
/// plans reads it.
Json saved_document(const Draft& draft, const Plan* plan);

}  // namespace headroom::gui
