#include <fmt/format.h>

#include <set>
#include <string_view>

#include "runtime/cupti_counters.h"

// Every set of counters is there, in one pass, on every chip that plans are run on. A program of
// its own, so that it is checked where the other tests run under AddressSanitizer.

int main() {
    using namespace headroom;
    const auto first = passes_needed("GH100", counter_set("bf16")->metrics);
    if (first.passes == 0) {
        fmt::print("skipped: {}\n", first.missing);
        return 0;
    }
    std::set<std::string_view> names;
    for (const auto& set : counter_sets()) names.insert(set.name);
    int missing = 0;
    for (const auto* chip : {"GH100", "GA100", "AD102"}) {
        for (const auto name : names) {
            const ChosenCounters chosen = counters_of(chip, name);
            if (chosen.set != nullptr) continue;
            fmt::print("{}\n", chosen.missing);
            ++missing;
        }
    }
    return missing;
}
