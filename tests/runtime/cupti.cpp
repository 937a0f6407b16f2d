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

TEST_CASE("EveryKindOfProductIsCountedInOnePassByEveryChip") {
    if (!can_ask()) return;
    for (const auto* chip : {"GH100", "GA100", "AD102"}) {
        for (const auto& set : counter_sets()) {
            const ChosenCounters chosen = counters_of(chip, set.name);
            INFO(chosen.missing);
            CHECK(chosen.set != nullptr);
        }
    }
}

TEST_CASE("ProductsOfF16HaveACounterOfTheirOwnOnHopper") {
    if (!can_ask()) return;
    CHECK(counters_of("GH100", "fp16").set->metrics.front() ==
          "sm__ops_path_tensor_op_hgmma_src_fp16.sum");
    CHECK(counters_of("GA100", "fp16").set == counter_set("fp16"));
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
        names.insert(set.name);
        CHECK(set.metrics.size() == set.weights.size());
        CHECK(counter_set(set.name) != nullptr);
    }
    CHECK(names == std::set<std::string_view>{"bf16", "f32", "fp16", "tf32"});
    CHECK(counter_set("f8") == nullptr);
}

TEST_CASE("FusedMultiplyAddsCountTwice") {
    const RangeValues range{.range = "forward", .values = {10.0, 20.0, 300.0}};
    CHECK(flops_of(*counter_set("f32"), range) == 630.0);
    CHECK(flops_of(*counter_set("bf16"), range) == 10.0);
}

TEST_CASE("CountersWithoutAContextSayWhy") {
    const CountersOpened opened = open_range_counters(0, "bf16", 4);
    if (opened.counters != nullptr) return;  // a GPU is there, and a test before made a context
    CHECK(!opened.missing.empty());
}

}  // namespace headroom::test
