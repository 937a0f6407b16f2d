#pragma once

#include <span>
#include <string_view>

#include "planner/spec/plan_request.h"

namespace headroom::claims {

/// How a published figure speaks of ours: as its value, or as its bound.
enum class Relation { about, under, over };

/// A published figure, and how the planner comes to its own.
struct Claim {
    std::string_view id{};
    std::string_view figure{};  ///< what the number is of
    std::string_view source{};
    Relation relation = Relation::about;
    double published = 0.0;
    std::string_view unit{};
    double tolerance = 0.0;  ///< of ours / published; Relation::about only
    double (*ours)(const Library&) = nullptr;
    std::string_view request{};  ///< what was computed
    std::string_view why{};      ///< the tolerance, or the difference
};

struct ClaimGroup {
    std::string_view title{};
    std::span<const Claim> claims{};
};

ClaimGroup state_claims();
ClaimGroup checkpoint_claims();
ClaimGroup sharding_claims();
ClaimGroup offload_claims();
ClaimGroup adapter_claims();
ClaimGroup expert_claims();
ClaimGroup expert_run_claims();
ClaimGroup distillation_claims();

/// A published figure that no plan can give.
struct Beyond {
    std::string_view figure{};
    std::string_view why{};
};
std::span<const Beyond> beyond_planning();

}  // namespace headroom::claims
