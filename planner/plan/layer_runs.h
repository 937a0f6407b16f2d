#pragma once

#include <cstdint>
#include <optional>

#include "planner/technique/lowering.h"

namespace headroom {

/// A request and stage with fewer layers that behaves like the long one except for the repeated
/// middle: `removed` units of `unit` layers were taken out.
struct ShortStage {
    PlanRequest request{};
    Stage stage{};
    std::int64_t removed = 0;
    std::int64_t unit = 1;
    std::int64_t first = 0;  ///< first layer of the run
};

/// The stage with `keep` repeating units of its longest run of like layers, or nothing when no run
/// is longer than that. Layers are alike when they have the same kind of feed-forward and window,
/// or repeat a pattern of up to eight; with recomputation over k layers a unit holds whole
/// segments.
std::optional<ShortStage> shortened(const PlanRequest& request, const Stage& stage,
                                    std::int64_t keep);

}  // namespace headroom
