#include "runtime/gpu_counters.h"

#include <fmt/format.h>

#include <exception>
#include <string_view>

#include "runtime/cupti_counters.h"

namespace headroom {
namespace {

/// Who is observed launches op by op. Counters of single instructions (those of f32) are code that
/// the profiler writes into the kernels and takes out when it ends: a graph that is recorded
/// meanwhile would go on counting, into memory that is gone.
class Unrecorded {
public:
    explicit Unrecorded(Executor& executor) : executor_(executor) {
        executor.observe({.before = [](std::size_t) {}});
    }
    ~Unrecorded() { executor_.observe({}); }
    Unrecorded(const Unrecorded&) = delete;
    Unrecorded& operator=(const Unrecorded&) = delete;

private:
    Executor& executor_;
};

CounterReading read(RangeCounters& counters, const CounterSet& set,
                    const std::function<void()>& step) {
    try {
        counters.start();
    } catch (const std::exception& error) {  // another process has them
        step();
        return {.method = fmt::format("none: {}", error.what())};
    }
    counters.push("step");
    step();
    counters.pop();
    const auto ranges = counters.stop();
    if (ranges.empty()) return {.method = "none: the profiler gave no range back"};
    return {.flops = Flops{flops_of(set, ranges.front())},
            .method = fmt::format("CUPTI range profiler, {}", counted_by(set))};
}

}  // namespace

CounterReading read_counters(int device, DType compute, Executor& executor,
                             const std::function<void()>& step) {
    const Unrecorded unrecorded(executor);
    const std::string_view set = compute == DType::f32 ? "f32" : name(compute);
    if (counter_set(set) == nullptr) {
        step();
        return {.method = fmt::format("no counter is known for products of {}", name(compute))};
    }
    const CountersOpened opened = open_range_counters(device, set, 1);
    if (opened.counters != nullptr) return read(*opened.counters, *opened.set, step);
    step();
    return {.method = fmt::format("none: {}", opened.missing)};
}

}  // namespace headroom
