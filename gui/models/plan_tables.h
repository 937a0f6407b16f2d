#pragma once

#include <vector>

#include "gui/models/row_model.h"
#include "planner/plan/explain.h"
#include "planner/plan/plan.h"

namespace headroom::gui {

/// One category of the worst rank's memory.
struct CategoryRow {
    QString name{};
    Bytes bytes{};
    Bytes capacity{};
    QString formula{};  ///< how it comes about; empty until the step was laid out
    Bytes teacher{};    ///< of the bytes, a teacher's
};
std::vector<CategoryRow> category_rows(const Plan& plan, const std::vector<PeakCategory>& peak);
RowModel<CategoryRow> category_model();
/// "activations: 34.22 GiB, 43.2 % …" with its formula: what hovering shows.
QString category_note(const CategoryRow& row, const Figures& figures);

/// A line of text about the cost of a step or of the run.
struct CostRow {
    QString name{};
    QString value{};
    QString note{};
    bool heading = false;
    QString source{};  ///< where the figure comes from; what hovering shows
};
std::vector<CostRow> cost_rows(const Plan& plan);
RowModel<CostRow> cost_model();

/// Memory of load, step and save; the last row is the limit.
std::vector<PhaseMemory> phase_rows(const Plan& plan);
RowModel<PhaseMemory> phase_model();

/// One kind of tensor that is alive at a moment.
struct AliveRow {
    QString category{};
    PeakItem item{};
};
std::vector<AliveRow> alive_rows(const std::vector<PeakCategory>& categories);
RowModel<AliveRow> alive_model();

enum class Fit { fits, tight, no };
struct FitBadge {
    Fit fit = Fit::no;
    QString word{};      ///< "Fits", "Tight", "Does not fit"
    QString sentence{};  ///< how much is free or missing, and where the limit lies
    QString remedies{};  ///< what would help; empty when it fits
};
FitBadge fit_badge(const Plan& plan, const Figures& figures);

}  // namespace headroom::gui
