#include <algorithm>

#include "planner/base/error.h"
#include "planner/search/search.h"

namespace headroom {
namespace {

constexpr std::int64_t kLongestSequence = std::int64_t{1} << 24;
constexpr std::int64_t kLargestTried = 65536;

/// What a request is held to: the high end of its band, as a recommended plan is; one that is over
/// it already, what is expected.
bool Estimate::*bar_of(const PlanRequest& request) {
    return estimate(request).safe ? &Estimate::safe : &Estimate::fits;
}

bool passes(const PlanRequest& request, bool Estimate::*bar) {
    try {
        validate(request);
    } catch (const InputError&) {
        return false;
    }
    return estimate(request).*bar;
}

std::optional<Plan> plan_on(const SearchRequest& request, std::int64_t gpus) {
    SearchRequest other = request;
    other.base.hardware.gpus = gpus;
    return search(other).best;
}

/// The largest n in [1, limit] with good(n), good being true up to some n and false above; 0: none.
template <class Good>
std::int64_t largest(std::int64_t limit, Good good) {
    if (!good(1)) return 0;
    std::int64_t low = 1;
    std::int64_t high = 2;
    while (high <= limit && good(high)) {
        low = high;
        high *= 2;
    }
    high = std::min(high, limit + 1);
    while (high - low > 1) {
        const std::int64_t middle = low + (high - low) / 2;
        (good(middle) ? low : high) = middle;
    }
    return low;
}

}  // namespace

std::int64_t longest_sequence(const PlanRequest& request) {
    // Ranks split a sequence evenly: it grows in steps that they all divide, of at least 64 tokens.
    const std::int64_t ranks = request.layout.context * request.layout.tensor;
    const std::int64_t step = ranks * std::max<std::int64_t>(1, 64 / ranks);
    const std::int64_t limit = kLongestSequence / step;
    const auto bar = bar_of(request);
    return step * largest(limit, [&](std::int64_t steps) {
               PlanRequest longer = request;
               longer.train.sequence = steps * step;
               return passes(longer, bar);
           });
}

std::int64_t largest_micro_batch(const PlanRequest& request) {
    const auto bar = bar_of(request);
    return largest(kLargestTried, [&](std::int64_t micro) {
        PlanRequest larger = request;
        larger.train.micro_batch = micro;
        return passes(larger, bar);
    });
}

FewestGpus fewest_gpus(const SearchRequest& request, std::int64_t limit) {
    std::int64_t enough = 1;
    auto plan = plan_on(request, enough);
    while (!plan && enough * 2 <= limit) plan = plan_on(request, enough *= 2);
    if (!plan) return {};
    // Below that, every eighth part: what fits is not monotone, since not every number divides.
    const std::int64_t step = std::max<std::int64_t>(enough / 16, 1);
    for (std::int64_t gpus = enough / 2 + step; gpus < enough; gpus += step) {
        if (auto fewer = plan_on(request, gpus)) return {gpus, std::move(fewer)};
    }
    return {enough, std::move(plan)};
}

std::vector<GpuOffer> cheapest_gpus(const SearchRequest& request, const HardwareCatalog& catalog,
                                    std::int64_t limit) {
    std::vector<GpuOffer> offers;
    for (const auto& gpu : catalog.gpus()) {
        const Price price = default_price(gpu);
        const bool usable =
            gpu.peak.contains(request.base.train.compute) && !price.provider.empty();
        if (!usable) continue;
        SearchRequest on_this = request;
        on_this.base.hardware = {.gpu = gpu.id, .gpus = 1, .profile = gpu};
        on_this.aim = Aim::cost;
        // This aim looks at half, a quarter and so on of the GPUs, too.
        auto plan = plan_on(on_this, limit);
        if (!plan) continue;
        const std::int64_t used = plan->request.hardware.gpus;
        offers.push_back(
            {gpu.id, used, price.per_gpu_hour * static_cast<double>(used), std::move(*plan)});
    }
    std::ranges::stable_sort(offers, {}, [](const GpuOffer& offer) {
        return offer.usd_per_hour.count() / offer.plan.predicted.cost.tokens_per_second;
    });
    return offers;
}

}  // namespace headroom
