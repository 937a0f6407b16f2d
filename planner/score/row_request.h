#pragma once

#include <string>
#include <variant>

#include "planner/engine/engine.h"
#include "planner/score/measured_row.h"

namespace headroom {

/// A measured run in the planner's words.
struct ExpressedRow {
    PlanRequest request{};
    const Engine* engine = nullptr;
    EngineSettings settings{};
};
/// Why a row cannot be expressed, as one clause.
struct Unexpressed {
    std::string reason{};
};

/// What a row ran as a request, its engine and settings; or why not. `library` resolves GPUs.
std::variant<ExpressedRow, Unexpressed> express(const MeasuredRow& row, const Library& library);

/// The model of a row; throws InputError when its sizes do not make one.
ModelSpec row_model(const MeasuredRow& row);
/// The GPU and node of a row.
HardwareRequest row_hardware(const MeasuredRow& row, const Library& library);

}  // namespace headroom
