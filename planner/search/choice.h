#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "planner/search/search.h"

namespace headroom {

/// One point of the joint space, small enough to hold a million of.
struct Choice {
    std::int32_t gpus = 1;
    std::int32_t data = 1;
    std::int32_t tensor = 1;
    std::int32_t context = 1;
    std::int32_t pipeline = 1;
    std::int32_t interleave = 1;
    std::int32_t expert = 1;
    std::int32_t shard = 0;
    std::int32_t micro_batch = 1;
    std::int32_t accumulation = 1;
    std::int32_t key = 0;  ///< index of what decides the micro-step's graph
    std::uint8_t zero = 0;
    std::uint8_t recompute = 0;  ///< index into recompute_options()
    Tier optimizer = Tier::device;
    Tier parameters = Tier::device;
    bool activations = false;
    AdapterKind adapter = AdapterKind::none;
    ContextKind context_kind = ContextKind::gather;
};

/// Whether the knob's value in the base request stays.
bool is_pinned(const SearchRequest& request, std::string_view knob);

/// Recomputation settings that the search tries, cheapest in time first.
const std::vector<RecomputeSpec>& recompute_options();

/// What the graph of a micro-step depends on, sharding, pipeline and micro-batch apart.
struct GraphKey {
    std::int32_t tensor = 1;
    std::int32_t context = 1;
    std::int32_t expert = 1;
    std::uint8_t recompute = 0;
    bool activations = false;
    AdapterKind adapter = AdapterKind::none;
    ContextKind context_kind = ContextKind::gather;
    auto operator<=>(const GraphKey&) const = default;
};
GraphKey graph_key(const Choice& choice);

/// The joint space: every legal combination of the knobs that are not pinned.
struct Space {
    std::vector<Choice> choices{};
    std::vector<GraphKey> keys{};
};
Space enumerate(const SearchRequest& request);

/// The request of a choice.
PlanRequest with(const SearchRequest& request, const Choice& choice);

/// Sequences a step when the request leaves it open: the GPUs, times what is pinned of a batch,
/// times the power of two that comes nearest to four million tokens for pretraining, to 64
/// sequences for fine-tuning. Pinned accumulation is not multiplied.
std::int64_t default_global_batch(const SearchRequest& request);

}  // namespace headroom
