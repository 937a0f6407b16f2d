#pragma once

#include <vector>

#include "planner/search/rank.h"

namespace headroom {

/// A request's exact estimate as a candidate.
Candidate candidate(const PlanRequest& request);

/// Up to `limit` of `indices`, spread over the ranked front of memory and GPU time.
std::vector<std::size_t> front_of(const std::vector<Choice>& choices,
                                  const std::vector<Score>& scores,
                                  std::vector<std::size_t> indices, std::size_t limit);

/// Candidates that no other beats in memory, time and price at once, fastest first.
std::vector<Candidate> pareto(std::vector<Candidate> candidates);

}  // namespace headroom
