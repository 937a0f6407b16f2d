#pragma once

#include <string>
#include <vector>

#include "planner/base/json.h"
#include "planner/cli/figures.h"
#include "planner/cli/options.h"
#include "planner/search/search.h"

namespace headroom::cli {

/// The answer to one reverse question ("--longest-sequence").
struct ReverseAnswer {
    std::string key{};  ///< in a document
    Json value{};       ///< null: nothing fits
    std::string text{};
};

/// Answers what was asked; the first two start from the plan that was found, if there is one.
std::vector<ReverseAnswer> reverse_answers(const PlanOptions& options, const SearchRequest& request,
                                           const std::optional<Plan>& best,
                                           const HardwareCatalog& catalog);

std::string reverse_text(const std::vector<ReverseAnswer>& answers, const Style& style);

}  // namespace headroom::cli
