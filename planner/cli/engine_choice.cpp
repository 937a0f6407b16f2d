#include "planner/cli/engine_choice.h"

#include <algorithm>
#include <vector>

#include "planner/base/error.h"
#include "planner/engine/abilities.h"

namespace headroom::cli {
namespace {

bool is_open(const SearchRequest& asked, std::string_view knob) {
    return std::ranges::find(asked.pinned, knob) == asked.pinned.end();
}

using Requests = std::vector<PlanRequest>;

/// Applies `change` to a copy of each request and adds what differs.
template <class Change>
void also(Requests& requests, Change change) {
    const std::size_t before = requests.size();
    for (std::size_t i = 0; i < before; ++i) {
        PlanRequest changed = requests[i];
        change(changed);
        if (changed != requests[i]) requests.push_back(std::move(changed));
    }
}

void add_batches(Requests& requests, std::int64_t largest) {
    for (std::int64_t smaller = largest; smaller > 1; smaller /= 2) {
        also(requests, [&](PlanRequest& each) {
            if (each.train.micro_batch != smaller || smaller % 2 != 0) return;
            each.train.micro_batch /= 2;
            each.train.accumulation *= 2;
        });
    }
}

/// What users of a framework turn when a plan does not fit, or fits with room to spare.
Requests variations(const SearchRequest& asked, const PlanRequest& best) {
    Requests requests{best};
    if (is_open(asked, "recompute")) {
        also(requests, [](PlanRequest& each) { each.recompute = {}; });
        also(requests, [](PlanRequest& each) { each.recompute = {.mode = RecomputeMode::layer}; });
    }
    if (is_open(asked, "micro_batch") && is_open(asked, "accumulation")) {
        add_batches(requests, best.train.micro_batch);
    }
    const int stages = abilities_of(engine_of(best.engine)).zero;
    if (is_open(asked, "zero") && best.layout.pipeline == 1 && best.layout.replicas() > 1) {
        for (int zero = best.layout.zero + 1; zero <= stages; ++zero) {
            also(requests, [&](PlanRequest& each) {
                if (each.layout.zero == best.layout.zero) each.layout.zero = zero;
            });
        }
    }
    return requests;
}

Requests candidates(const SearchRequest& asked, const SearchResult& result) {
    Requests requests = variations(asked, result.best->request);
    for (const auto& each : result.front) requests.push_back(each.request);
    if (is_open(asked, "offload_optimizer") && is_open(asked, "offload_parameters")) {
        also(requests, [](PlanRequest& each) {
            each.offload.optimizer = each.offload.parameters = Tier::device;
        });
    }
    Requests once;
    for (auto& each : requests) {
        if (std::ranges::find(once, each) == once.end()) once.push_back(std::move(each));
    }
    return once;
}

/// A variation may be one that the request's own rules refuse.
bool is_valid(const PlanRequest& request) {
    try {
        validate(request);
        return true;
    } catch (const InputError&) {
        return false;
    }
}

/// The less the better.
double figure_of(const EngineForecast& each, const PlanRequest& request, Aim aim) {
    if (aim == Aim::memory) return each.memory.process.real();
    const auto& train = request.train;
    const std::int64_t sequences = train.micro_batch * train.accumulation * request.layout.data;
    return each.step.count() / static_cast<double>(sequences * train.sequence);
}

}  // namespace

EngineChoice choose_for_engine(const SearchRequest& asked, const SearchResult& result,
                               const TimingProfile& timing) {
    Requests requests = candidates(asked, result);
    std::erase_if(requests, [](const PlanRequest& each) { return !is_valid(each); });
    std::vector<EngineForecast> forecasts;
    for (const auto& each : requests) forecasts.push_back(forecast(each, timing));
    const auto figure = [&](std::size_t i) {
        return figure_of(forecasts[i], requests[i], asked.aim);
    };
    std::size_t best = 0;
    for (std::size_t i = 1; i < requests.size(); ++i) {
        const auto& now = forecasts[i];
        const auto& then = forecasts[best];
        const bool better = now.odds.fits == then.odds.fits
                                ? (now.odds.fits ? figure(i) < figure(best)
                                                 : now.memory.process < then.memory.process)
                                : now.odds.fits;
        if (better) best = i;
    }
    EngineChoice choice{.plan = predict(requests[best]), .forecast = forecasts[best]};
    for (std::size_t i = 0; i < requests.size(); ++i) {
        if (!forecasts[i].odds.fits && figure(i) < figure(best)) ++choice.too_large;
    }
    return choice;
}

}  // namespace headroom::cli
