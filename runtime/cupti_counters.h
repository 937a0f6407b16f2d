#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headroom {

/// Hardware counters that are read together; `weights` times their values are FLOPs (0: a counter
/// of something else, bytes here).
struct CounterSet {
    std::string_view name{};
    std::span<const std::string_view> metrics{};
    std::span<const double> weights{};
};

/// Sets that a GPU collects in one pass, so that nothing has to run twice: products of bf16 factors
/// and of TF32 factors beside the bytes that crossed memory, and arithmetic of f32. They count
/// what the units executed: padding of tiles and masked blocks included. Sets of one name are
/// alternatives: a chip has the counters of one of them.
std::span<const CounterSet> counter_sets();
/// The first set of that name; null: there is none.
const CounterSet* counter_set(std::string_view name);

/// Passes that a chip ("GH100") needs for some metrics, from CUPTI's tables alone: no GPU is asked.
struct PassesNeeded {
    std::size_t passes = 0;
    std::string missing{};  ///< why it is not known
};
PassesNeeded passes_needed(const std::string& chip, std::span<const std::string_view> metrics);

/// The set of that name that a chip has, or why there is none. No GPU is asked.
struct ChosenCounters {
    const CounterSet* set = nullptr;
    std::string missing{};
};
ChosenCounters counters_of(const std::string& chip, std::string_view name);

/// Values of a set's metrics over one range of a run, in the order of the set.
struct RangeValues {
    std::string range{};
    std::vector<double> values{};
};
/// The metrics that FLOPs are made of: "a + b".
std::string counted_by(const CounterSet& set);
/// FLOPs of a range: the weighted sum of its counters.
double flops_of(const CounterSet& set, const RangeValues& range);

/// Counts over ranges of this process's launches on the current GPU. Kernels run as they do
/// otherwise, but every end of a range waits for them: times are taken in a run without it.
class RangeCounters {
public:
    struct State;
    explicit RangeCounters(std::unique_ptr<State> state);
    ~RangeCounters();
    RangeCounters(const RangeCounters&) = delete;
    RangeCounters& operator=(const RangeCounters&) = delete;

    /// Ranges follow one another; `ranges` of them at most until stop(). All throw
    /// std::runtime_error in one sentence.
    void start();
    void push(const std::string& range);
    void pop();
    std::vector<RangeValues> stop();

private:
    std::unique_ptr<State> state_;
};

/// The counters, or one line that says why there are none: no library, no right to count, a GPU
/// shared in a way that hides them.
struct CountersOpened {
    std::unique_ptr<RangeCounters> counters{};
    const CounterSet* set = nullptr;  ///< what they count
    std::string missing{};
};
/// On GPU `device`, whose context must be current; `set` is a name of counter_sets().
CountersOpened open_range_counters(int device, std::string_view set, std::size_t ranges);

}  // namespace headroom
