#pragma once

#include <string>

#include "planner/base/json.h"
#include "planner/cli/figures.h"
#include "planner/search/search.h"

namespace headroom::cli {

std::string ladder_text(const Ladder& ladder, const Style& style);

/// The plan, the ladder, the Pareto front, what neighbours lack, and how much was searched.
std::string search_text(const SearchRequest& request, const SearchResult& result,
                        const Style& style);

Json ladder_json(const Ladder& ladder);
/// {"format", "best", "front", "neighbours", "ladder", "search"}; "best" is null when nothing fits.
Json search_json(const SearchResult& result);

}  // namespace headroom::cli
