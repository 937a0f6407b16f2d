#pragma once

#include "planner/cli/options.h"
#include "planner/search/search.h"

namespace headroom::cli {

/// What the options of `plan` ask to be searched. Throws InputError (values) or UsageError (form).
SearchRequest search_request(const PlanOptions& options, const Library& library);

}  // namespace headroom::cli
