#include "planner/cli/engine_choice.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace headroom::cli {
namespace {

double figure_of(const Candidate& each, Aim aim) {
    switch (aim) {
        case Aim::time:
            return -each.tokens_per_second;
        case Aim::cost:
            return each.usd_per_million_tokens;
        case Aim::memory:
            return each.memory.real();
    }
    return 0.0;
}

/// Frameworks keep more activations than our own runtime: what their users turn first.
void add_thriftier(const SearchRequest& asked, std::vector<PlanRequest>& requests) {
    const auto open = [&](std::string_view knob) {
        return std::ranges::find(asked.pinned, knob) == asked.pinned.end();
    };
    const PlanRequest best = requests.front();
    PlanRequest recomputed = best;
    recomputed.recompute = {.mode = RecomputeMode::layer};
    if (open("recompute")) requests.push_back(recomputed);
    if (!open("micro_batch") || !open("accumulation")) return;
    for (PlanRequest each : {best, recomputed}) {
        if (each.recompute != best.recompute && !open("recompute")) continue;
        each.train.accumulation *= std::exchange(each.train.micro_batch, 1);
        requests.push_back(each);
    }
}

/// The best plan, then the front by what was asked for.
std::vector<PlanRequest> in_order(const SearchResult& result, Aim aim) {
    std::vector<const Candidate*> front;
    for (const auto& each : result.front) front.push_back(&each);
    std::ranges::stable_sort(front, {}, [&](const auto* each) { return figure_of(*each, aim); });
    std::vector<PlanRequest> requests{result.best->request};
    for (const auto* each : front) {
        if (each->request != requests.front()) requests.push_back(each->request);
    }
    return requests;
}

}  // namespace

EngineChoice choose_for_engine(const SearchRequest& asked, const SearchResult& result,
                               const TimingProfile& timing) {
    auto requests = in_order(result, asked.aim);
    add_thriftier(asked, requests);
    std::vector<EngineForecast> forecasts;
    for (const auto& request : requests) {
        forecasts.push_back(forecast(request, timing));
        if (forecasts.back().odds.fits) break;
    }
    auto chosen = std::prev(forecasts.end());
    if (!chosen->odds.fits) {
        chosen = std::ranges::min_element(
            forecasts, {}, [](const EngineForecast& each) { return each.memory.process; });
    }
    const auto index = static_cast<std::size_t>(chosen - forecasts.begin());
    return {.plan = predict(requests[index]), .forecast = *chosen, .passed_over = index};
}

}  // namespace headroom::cli
