#pragma once

#include <vector>

#include "gui/models/row_model.h"
#include "planner/plan/findings.h"
#include "planner/search/search.h"

namespace headroom::gui {

/// A rung of the ladder; the first that fits is marked.
struct RungRow {
    Rung rung{};
    bool first = false;
    bool ground = false;  ///< the one that all others stand on

    /// It cannot apply here and changes nothing.
    [[nodiscard]] bool isSkipped() const { return rung.skipped; }
};
std::vector<RungRow> rung_rows(const Ladder& ladder);
RowModel<RungRow> rung_model();

/// A configuration that the search evaluated in full.
struct CandidateRow {
    Candidate candidate{};
    QString settings{};  ///< what it has differently from the best
    QString every{};     ///< setting, as in "zero=3"
    bool best = false;
};
std::vector<CandidateRow> candidate_rows(const SearchResult& result);
RowModel<CandidateRow> candidate_model();

RowModel<Finding> finding_model();

}  // namespace headroom::gui
