#include "gui/jobs/framework_search.h"

#include <algorithm>
#include <utility>

#include "planner/cli/engine_choice.h"
#include "planner/cli/report_engine.h"
#include "planner/search/front.h"

namespace headroom::gui {
namespace {

bool fits_as_expected(const EngineForecast& forecast) {
    return forecast.memory.process <= forecast.capacity;
}

/// The same work in another time, and so at another price.
Candidate as_forecast(Candidate plan, const EngineForecast& forecast) {
    const double slower = forecast.step / plan.step;
    plan.memory = forecast.memory.process;
    plan.step = forecast.step;
    plan.tokens_per_second /= slower;
    plan.usd_per_million_tokens *= slower;
    plan.fits = fits_as_expected(forecast);
    plan.safe = forecast.odds.fits;
    return plan;
}

}  // namespace

SearchResult as_framework_runs(const SearchRequest& asked, SearchResult result,
                               const TimingProfile& timing) {
    if (!result.best) return result;
    auto choice = cli::choose_for_engine(asked, result, timing);
    if (!fits_as_expected(choice.forecast)) {
        result.best.reset();
        result.front.clear();
        result.nearest = cli::engine_sentence(choice.forecast);
        return result;
    }
    const auto best = as_forecast(candidate(choice.plan.request), choice.forecast);
    std::vector<Candidate> plans{best};
    for (const auto& each : result.front) {
        if (each.request == best.request) continue;
        plans.push_back(as_forecast(each, forecast(each.request, timing)));
        if (!plans.back().fits) plans.pop_back();
    }
    result.front = pareto(std::move(plans));
    // It is the fastest by the token: one of fewer tokens a step may beat it on the front.
    if (std::ranges::find(result.front, best.request, &Candidate::request) == result.front.end()) {
        result.front.insert(result.front.begin(), best);
    }
    result.best = std::move(choice.plan);
    return result;
}

}  // namespace headroom::gui
