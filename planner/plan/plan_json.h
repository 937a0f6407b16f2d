#pragma once

#include <string>

#include "planner/base/json.h"
#include "planner/plan/plan.h"

namespace headroom {

/// What is taken from a plan document. Its numbers are not: whoever reads it predicts again.
struct StoredPlan {
    PlanRequest request{};
    std::string digest{};  ///< of the step the document was written for; empty: a bare request
};

/// The document of a plan: request, digest of the step, every predicted number and the verdict.
Json to_json(const Plan& plan);

/// Reads a plan, a request, or the best plan of a search result; throws InputError.
StoredPlan plan_from_json(const JsonCursor& json, const Library& library);

}  // namespace headroom
