#include <algorithm>
#include <iterator>
#include <vector>

#include "planner/base/json.h"
#include "planner/spec/hardware_profile.h"
#include "planner/spec/profile_text.h"

namespace headroom {
namespace {

constexpr double kMostUsdPerHour = 10'000.0;

}  // namespace

Json to_json(const Price& price) {
    return {{"usd_per_gpu_hour", price.per_gpu_hour.count()},
            {"provider", price.provider},
            {"kind", price.kind},
            {"dated", price.dated},
            {"source", price.source}};
}

Price price_from_json(const JsonCursor& json) {
    json.only({"usd_per_gpu_hour", "provider", "kind", "dated", "source"});
    return {.per_gpu_hour = Usd{json.at("usd_per_gpu_hour").number(0.0, kMostUsdPerHour)},
            .provider = json.at("provider").string(),
            .kind = choice_from_json(json.at("kind"), {"on-demand", "spot", "reserved", "owned"}),
            .dated = json.at("dated").string(),
            .source = json.at("source").string()};
}

Price default_price(const HardwareProfile& gpu) {
    std::vector<Price> offers;
    std::ranges::copy_if(gpu.prices, std::back_inserter(offers),
                         [](const Price& price) { return price.kind == "on-demand"; });
    if (offers.empty()) offers = gpu.prices;
    if (offers.empty()) return {};
    std::ranges::stable_sort(offers, {}, &Price::per_gpu_hour);
    // Of two middle offers the lower: a mean would be a price that nobody asks.
    return offers[(offers.size() - 1) / 2];
}

}  // namespace headroom
