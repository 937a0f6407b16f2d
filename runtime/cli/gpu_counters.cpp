#include "runtime/cli/gpu_counters.h"

#include <fmt/format.h>

#include <stdexcept>
#include <string_view>

#include "runtime/cupti_counters.h"

namespace headroom::run {

CounterReading read_counters(int device, DType compute, const std::function<void()>& step) {
    const std::string_view set = compute == DType::f32 ? "f32" : name(compute);
    if (counter_set(set) == nullptr) {
        step();
        return {.method = fmt::format("no counter is known for products of {}", name(compute))};
    }
    const CountersOpened opened = open_range_counters(device, set, 1);
    if (opened.counters == nullptr) {
        step();
        return {.method = fmt::format("none: {}", opened.missing)};
    }
    opened.counters->start();
    opened.counters->push("step");
    step();
    opened.counters->pop();
    const auto ranges = opened.counters->stop();
    if (ranges.empty()) return {.method = "none: the profiler gave no range back"};
    return {.flops = Flops{flops_of(*opened.set, ranges.front())},
            .method = fmt::format("CUPTI range profiler, {}", counted_by(*opened.set))};
}

}  // namespace headroom::run
