#pragma once

#include <optional>
#include <vector>

#include "planner/engine/engine_memory.h"
#include "planner/engine/step_time.h"
#include "planner/score/row_request.h"

namespace headroom {

/// What a row measured of one kind, and what was expected of it.
struct Figure {
    double measured = 0.0;
    double predicted = 0.0;
    double low = 0.0;
    double high = 0.0;

    [[nodiscard]] double error() const { return predicted / measured - 1.0; }
    [[nodiscard]] bool inside() const { return measured >= low && measured <= high; }
};

/// What simpler rules make of a row: bytes a parameter and closed activations, Megatron's formula,
/// one constant efficiency.
struct BaselineFigures {
    std::optional<double> sixteen_gib{};
    std::optional<double> megatron_gib{};
    std::optional<double> constant_seconds{};
};

/// One row, scored.
struct ScoredRow {
    const MeasuredRow* row = nullptr;
    ExpressedRow expressed{};
    std::optional<EngineMemory> memory{};
    std::optional<TimedStep> step{};
    std::optional<Figure> gib{};
    std::optional<Figure> reserved_gib{};
    std::optional<Figure> seconds{};
    std::optional<Figure> seconds_left_out{};  ///< by numbers fitted without the row's model
    BaselineFigures baseline{};
    double out_of_memory = 0.0;  ///< probability
    bool fits = true;
};

struct UnscoredRow {
    const MeasuredRow* row = nullptr;
    std::string reason{};
};

struct ScoredRows {
    std::vector<ScoredRow> scored{};
    std::vector<UnscoredRow> unscored{};
};

/// Expresses and works out every row; times wait for a timing profile.
ScoredRows work_out(const std::vector<MeasuredRow>& rows, const Library& library);

}  // namespace headroom
