#pragma once

#include "planner/engine/forecast.h"
#include "planner/search/search.h"

namespace headroom::cli {

/// A plan for a framework, chosen by how the framework executes it.
struct EngineChoice {
    Plan plan{};
    EngineForecast forecast{};
    std::size_t too_large = 0;  ///< better ones that the framework has no memory for
};

/// The search compares plans as our own runtime executes them. Its best plan, its front, and what
/// users of frameworks turn first (recomputation, micro-batch, ZeRO stage, no offload) are forecast
/// as the framework executes them: this is the best of those that fit, by the aim; if none does,
/// the one that comes closest. `result.best` must be there. Throws InputError for an unknown
/// engine.
EngineChoice choose_for_engine(const SearchRequest& asked, const SearchResult& result,
                               const TimingProfile& timing);

}  // namespace headroom::cli
