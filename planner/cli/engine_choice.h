#pragma once

#include "planner/engine/forecast.h"
#include "planner/search/search.h"

namespace headroom::cli {

/// A plan for a framework, chosen among those that a search left.
struct EngineChoice {
    Plan plan{};
    EngineForecast forecast{};
    std::size_t passed_over = 0;  ///< better plans that the framework has no memory for
};

/// The search compares plans as our own runtime executes them. Of its best plan and its front, in
/// the order of the aim, this is the first that fits as the framework executes it; if none does,
/// the one that comes closest. `result.best` must be there. Throws InputError for an unknown
/// engine.
EngineChoice choose_for_engine(const SearchRequest& asked, const SearchResult& result,
                               const TimingProfile& timing);

}  // namespace headroom::cli
