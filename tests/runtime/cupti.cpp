#include <set>
#include <string>

#include "runtime/cupti_counters.h"
#include "tests/support/catch.h"

namespace headroom::test {
namespace {

/// Whether CUPTI can be asked here; says why not.
bool can_ask() {
#if defined(__SANITIZE_ADDRESS__)
    WARN("skipped: AddressSanitizer does not allow the way CUPTI loads its tables");
    return false;
#else
    const auto needed = passes_needed("GH100", counter_sets().front().metrics);
    if (needed.missing.empty()) return true;
    WARN("skipped: " << needed.missing);
    return false;
#endif
}

}  // namespace

TEST_CASE("CounterSetsNeedOnePassOnHopperAndAmpere") {
    if (!can_ask()) return;
    for (const auto* chip : {"GH100", "GA100"}) {
        for (const auto& set : counter_sets()) {
            const PassesNeeded needed = passes_needed(chip, set.metrics);
            INFO(chip << " " << set.name << " " << needed.missing);
            CHECK(needed.passes == 1);
        }
    }
}

TEST_CASE("CounterThatNoChipHasIsNamedAsAFailure") {
    if (!can_ask()) return;
    constexpr std::string_view kNone = "sm__no_such_counter.sum";
    const PassesNeeded needed = passes_needed("GH100", std::span(&kNone, 1));
    CHECK(needed.passes == 0);
    CHECK(!needed.missing.empty());
}

TEST_CASE("CounterSetsWeighEveryMetric") {
    std::set<std::string_view> names;
    for (const auto& set : counter_sets()) {
        CHECK(names.insert(set.name).second);
        CHECK(counter_set(set.name)->metrics.size() == set.weights.size());
    }
    CHECK(counter_set("f8") == nullptr);
}

TEST_CASE("FusedMultiplyAddsCountTwice") {
    const RangeValues range{.range = "forward", .values = {10.0, 20.0, 300.0}};
    CHECK(flops_of(*counter_set("f32"), range) == 630.0);
    CHECK(flops_of(*counter_set("bf16"), range) == 10.0);
}

TEST_CASE("CountersWithoutAContextSayWhy") {
    const CountersOpened opened = open_range_counters(0, *counter_set("bf16"), 4);
    if (opened.counters != nullptr) return;  // a GPU is there, and a test before made a context
    CHECK(!opened.missing.empty());
}

}  // namespace headroom::test
