#include <algorithm>

#include "planner/base/error.h"
#include "planner/search/search.h"

namespace headroom {
namespace {

constexpr std::int64_t kLongestSequence = std::int64_t{1} << 24;
constexpr std::int64_t kLargestTried = 65536;

bool fits(const PlanRequest& request) {
    try {
        validate(request);
    } catch (const InputError&) {
        return false;
    }
    return estimate(request).fits;
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
    return step * largest(limit, [&](std::int64_t steps) {
               PlanRequest longer = request;
               longer.train.sequence = steps * step;
               return fits(longer);
           });
}

std::int64_t largest_micro_batch(const PlanRequest& request) {
    return largest(kLargestTried, [&](std::int64_t micro) {
        PlanRequest larger = request;
        larger.train.micro_batch = micro;
        return fits(larger);
    });
}

FewestGpus fewest_gpus(const SearchRequest& request, std::int64_t limit) {
    // Memory a rank needs falls as GPUs are added, but divisibility is not monotone: powers of two,
    // as machines are built.
    for (std::int64_t gpus = 1; gpus <= limit; gpus *= 2) {
        SearchRequest smaller = request;
        smaller.base.hardware.gpus = gpus;
        smaller.aim = Aim::time;
        smaller.global_batch = 0;
        auto found = search(smaller);
        if (found.best) return {gpus, std::move(found.best)};
    }
    return {};
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
        auto found = fewest_gpus(on_this, limit);
        if (!found.plan) continue;
        offers.push_back({gpu.id, found.gpus, price.per_gpu_hour * static_cast<double>(found.gpus),
                          std::move(*found.plan)});
    }
    std::ranges::stable_sort(offers, {}, [](const GpuOffer& offer) {
        return offer.usd_per_hour.count() / offer.plan.predicted.cost.tokens_per_second;
    });
    return offers;
}

}  // namespace headroom
