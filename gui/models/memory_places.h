#pragma once

#include <vector>

#include "gui/models/plan_tables.h"

namespace headroom::gui {

/// One place of memory: what lies in it, and what it can hold.
struct MemoryPlace {
    QString name{};
    std::vector<CategoryRow> rows{};  ///< none: places that are only counted
    Bytes capacity{};

    [[nodiscard]] Bytes total() const;
};
/// Pipeline ranks, the fullest in front of the others, up to as many as are easily seen; then host
/// and drives where they are used.
std::vector<MemoryPlace> memory_places(const Plan& plan, const std::vector<PeakCategory>& peak);

}  // namespace headroom::gui
