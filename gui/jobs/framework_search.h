#pragma once

#include "planner/engine/forecast.h"
#include "planner/search/search.h"

namespace headroom::gui {

/// The plans of a search as the framework that `asked` names would run them: its forecasts in place
/// of our own runtime's numbers, and the best by them. No best: none fits, and `nearest` says what
/// comes closest. Throws InputError where the framework cannot run a plan.
SearchResult as_framework_runs(const SearchRequest& asked, SearchResult result,
                               const TimingProfile& timing);

}  // namespace headroom::gui
