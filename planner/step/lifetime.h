#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "planner/step/step_graph.h"

namespace headroom {

/// Ops between which a storage holds bytes, both ends included; first < 0: it never does.
struct Lifetime {
    std::int32_t first = -1;
    std::int32_t last = -1;
};

/// Every storage starts on this boundary, so its size is rounded up to it.
inline constexpr std::int64_t kAlignment = 512;
Bytes storage_size(const Tensor& tensor);

/// Lifetimes by tensor index, for storages; views have none. A persistent storage lives throughout.
std::vector<Lifetime> lifetimes(const StepGraph& graph);

/// Live bytes by role.
using RoleBytes = std::array<Bytes, kRoles>;
Bytes total(const RoleBytes& bytes);

/// Live bytes of one place during every op.
struct MemoryTimeline {
    std::vector<RoleBytes> at{};  ///< by op index
};

/// The largest total of a timeline and the op it happens in.
struct Peak {
    Bytes total{};
    RoleBytes by_role{};
    std::size_t op = 0;
};

MemoryTimeline memory_timeline(const StepGraph& graph, const std::vector<Lifetime>& lives,
                               Place place);
Peak peak(const MemoryTimeline& timeline);
/// The peak without keeping the timeline.
Peak peak(const StepGraph& graph, const std::vector<Lifetime>& lives, Place place);

/// Bytes that the forward pass leaves for the backward pass: what one more micro-batch in flight
/// costs. Transient storages alive across the boundary.
RoleBytes kept_for_backward(const StepGraph& graph, const std::vector<Lifetime>& lives,
                            Place place);

}  // namespace headroom
