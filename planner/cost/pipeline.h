#pragma once

#include <cstdint>
#include <span>

#include "planner/base/units.h"
#include "planner/cost/timeline.h"
#include "planner/spec/plan_request.h"

namespace headroom {

/// One micro-batch through all that one stage holds, sending included.
struct StageTime {
    Seconds forward{};
    Seconds backward{};

    [[nodiscard]] Seconds both() const { return forward + backward; }
};

/// Micro-batches a step and model chunks a stage: 1 chunk is 1F1B, more is interleaved 1F1B.
struct PipelineRun {
    std::int64_t micro_batches = 1;
    std::int64_t chunks = 1;
};

/// Time of all micro-steps of a step. The slowest stage works all the time (m * max); what the
/// others need once is fill and drain, divided by the chunks: m * max + (sum - max) / v. Exact for
/// equal stages. When m is no multiple of the p stages, the last round of the interleaved schedule
/// keeps the length of a full one in all chunks but one: (p - m mod p) * (v - 1) / v * max more.
Seconds pipeline_time(std::span<const StageTime> stages, PipelineRun run);

/// The part of `pipeline_time` in which the slowest stage is idle.
Seconds bubble_time(std::span<const StageTime> stages, PipelineRun run);
/// The same as a fraction of the whole: (p - 1) / (v m + p - 1) for equal stages and p dividing m.
double bubble_fraction(std::span<const StageTime> stages, PipelineRun run);

/// Chunks of activations that stage `stage` (0-based) of `stages` holds at once, each 1/v of the
/// stage's: 1F1B min(m, p - i); interleaved (Megatron-LM's warm-up, plus the one in progress)
/// min(m v, 2 (p - i - 1) + (v - 1) p + 1).
std::int64_t chunks_in_flight(PipelineRun run, std::int64_t stages, std::int64_t stage);

/// What a layout and its accumulation mean for a pipeline.
PipelineRun pipeline_run(const ParallelLayout& layout, std::int64_t micro_steps);

/// Time of a step of stages that were simulated alone: the pipeline of their middle micro-steps,
/// then the longest of what a stage adds to them (first and last micro-step, update).
struct PipelineCost {
    Seconds step{};
    Seconds bubble{};         ///< of `step`, what the slowest stage's own step does not fill
    std::size_t slowest = 0;  ///< the stage with the longest micro-step
};
PipelineCost pipelined_step(std::span<const StepCost> stages, PipelineRun run);

}  // namespace headroom
