#pragma once

#include <cstdint>
#include <vector>

#include "planner/plan/measurement.h"
#include "runtime/executor.h"

namespace headroom {

/// What one op did while it was watched.
struct OpSample {
    std::size_t op = 0;  ///< index in the graph
    WorkCounter work{};
    Seconds time{};
};

/// Watches every op of a step: when it started and ended on the device, and what its kernel
/// counted. Watching costs a little time, so a step's own time is taken while nobody watches.
class Recorder {
public:
    explicit Recorder(Executor& executor);

    void start();
    /// Ends the watch.
    void stop();
    [[nodiscard]] const std::vector<OpSample>& samples() const { return samples_; }
    /// Time of the watched step that no kernel took, for each op.
    [[nodiscard]] Seconds overhead() const;

    /// Work and time by phase, and by kind of op.
    [[nodiscard]] std::vector<MeasuredPhase> phases() const;
    [[nodiscard]] std::vector<MeasuredOp> ops() const;

private:
    Executor& executor_;
    std::vector<std::size_t> order_{};
    std::vector<OpSample> samples_{};
    std::vector<WorkCounter> counted_{};
    Seconds whole_{};
};

/// The executor's high-water mark of a place, in the words of a report.
MeasuredMemory measured_memory(const Executor& executor, Place place);

}  // namespace headroom
