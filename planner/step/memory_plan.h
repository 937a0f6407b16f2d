#pragma once

#include <vector>

#include "planner/step/lifetime.h"
#include "planner/step/step_graph.h"

namespace headroom {

/// Where every storage of one place lies in one block of memory.
struct MemoryPlan {
    std::vector<Bytes> offset{};  ///< by tensor index; -1: not a live storage of this place
    Bytes arena{};
    Bytes lower_bound{};  ///< the peak of the live bytes: no plan needs less
};

/// Offsets such that no two storages alive at once overlap: persistent ones first, then the
/// transient ones in the best of several orders.
MemoryPlan memory_plan(const StepGraph& graph, const std::vector<Lifetime>& lives, Place place);

}  // namespace headroom
