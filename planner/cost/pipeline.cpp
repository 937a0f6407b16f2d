#include "planner/cost/pipeline.h"

#include <algorithm>
#include <vector>

namespace headroom {
namespace {

Seconds slowest(std::span<const StageTime> stages) {
    Seconds most{};
    for (const auto& stage : stages) most = std::max(most, stage.both());
    return most;
}

}  // namespace

Seconds bubble_time(std::span<const StageTime> stages, PipelineRun run) {
    const Seconds most = slowest(stages);
    Seconds others = most * -1.0;
    for (const auto& stage : stages) others += stage.both();
    const auto chunks = static_cast<double>(run.chunks);
    Seconds bubble = others / chunks;
    const auto count = static_cast<std::int64_t>(stages.size());
    if (const std::int64_t rest = count > 0 ? run.micro_batches % count : 0; rest > 0) {
        bubble += most * (static_cast<double>(count - rest) * (chunks - 1.0) / chunks);
    }
    return bubble;
}

Seconds pipeline_time(std::span<const StageTime> stages, PipelineRun run) {
    return slowest(stages) * static_cast<double>(run.micro_batches) + bubble_time(stages, run);
}

double bubble_fraction(std::span<const StageTime> stages, PipelineRun run) {
    const Seconds whole = pipeline_time(stages, run);
    return whole > Seconds{} ? bubble_time(stages, run) / whole : 0.0;
}

std::int64_t chunks_in_flight(PipelineRun run, std::int64_t stages, std::int64_t stage) {
    const std::int64_t behind = stages - stage - 1;
    if (run.chunks == 1) return std::min(run.micro_batches, behind + 1);
    return std::min(run.micro_batches * run.chunks, 2 * behind + (run.chunks - 1) * stages + 1);
}

PipelineRun pipeline_run(const ParallelLayout& layout, std::int64_t micro_steps) {
    const bool interleaved = layout.schedule == PipelineSchedule::interleaved;
    return {std::max<std::int64_t>(micro_steps, 1),
            interleaved ? std::max<std::int64_t>(layout.interleave, 1) : 1};
}

PipelineCost pipelined_step(std::span<const StepCost> stages, PipelineRun run) {
    std::vector<StageTime> times;
    Seconds extra{};
    std::size_t slowest = 0;
    for (const auto& stage : stages) {
        times.push_back({stage.micro.forward, stage.micro.backward});
        const auto micro_steps = static_cast<double>(run.micro_batches);
        extra = std::max(extra, stage.step - times.back().both() * micro_steps);
        if (times.back().both() > times[slowest].both()) slowest = times.size() - 1;
    }
    const Seconds step = pipeline_time(times, run) + extra;
    return {step, step - stages[slowest].step, slowest};
}

}  // namespace headroom
