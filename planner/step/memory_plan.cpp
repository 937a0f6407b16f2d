#include "planner/step/memory_plan.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "planner/step/packing.h"

namespace headroom {

MemoryPlan memory_plan(const StepGraph& graph, const std::vector<Lifetime>& lives, Place place) {
    MemoryPlan plan{.offset = std::vector<Bytes>(graph.tensors.size(), Bytes{-1}),
                    .lower_bound = peak(graph, lives, place).total};
    std::vector<std::size_t> transient;
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        if (lives[i].first < 0 || tensor.place != place) continue;
        const Bytes size = storage_size(tensor);
        if (!tensor.persistent && size > Bytes{}) {
            transient.push_back(i);
            continue;
        }
        plan.offset[i] = plan.arena;
        plan.arena += size;
    }
    std::ranges::stable_sort(transient, {}, [&](auto i) { return lives[i].first; });
    std::vector<Interval> intervals;
    for (const auto i : transient) {
        intervals.push_back(
            {lives[i].first, lives[i].last, storage_size(graph.tensors[i]).count()});
    }
    const Packing packing =
        pack(intervals, graph.ops.size(), (plan.lower_bound - plan.arena).count());
    for (std::size_t i = 0; i < transient.size(); ++i) {
        plan.offset[transient[i]] = plan.arena + Bytes{packing.offset[i]};
    }
    plan.arena += Bytes{packing.height};
    return plan;
}

}  // namespace headroom
