#include "planner/engine/engine_memory.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "planner/cost/pipeline.h"
#include "planner/engine/replayed_memory.h"

namespace headroom {
namespace {

/// Micro-batches that a stage holds; of interleaved chunks, a part of one counts as that part.
double micro_batches_in_flight(const PlanRequest& request, std::int64_t stage) {
    const auto& layout = request.layout;
    if (layout.pipeline == 1) return 1.0;
    const PipelineRun run = pipeline_run(layout, request.train.accumulation);
    return static_cast<double>(chunks_in_flight(run, layout.pipeline, stage)) /
           static_cast<double>(run.chunks);
}

std::int64_t logits_of(const StepGraph& graph) {
    std::int64_t most = 0;
    for (const auto& tensor : graph.tensors) {
        if (tensor.role == Role::logits) most = std::max(most, numel(tensor.shape));
    }
    return most;
}

/// DeepSpeed's pipeline engine (pipe/engine.py): a micro-batch's received input and its output,
/// or its part of the output where tensor ranks share it; one buffer to receive into, one for
/// gradients; whole output and gradient again in the backward pass of shared ones.
Bytes pipeline_buffers(const PlanRequest& request, const Stage& stage, double in_flight) {
    const auto& train = request.train;
    const auto ranks = static_cast<double>(request.layout.tensor);
    const double whole = 2.0 * static_cast<double>(train.micro_batch * train.sequence) *
                         static_cast<double>(request.model.hidden);
    const double ends = (stage.has_embedding ? 0.0 : 1.0) + (stage.has_head ? 0.0 : 1.0);
    const double waiting = ranks > 1.0 ? whole / ranks : ends * whole;
    const double restored = ranks > 1.0 ? 2.0 * whole : 0.0;
    return Bytes{static_cast<std::int64_t>(waiting * in_flight + ends * whole / ranks + restored)};
}

/// Buffers whose size is that of a batch rather than of the weights.
Bytes batch_buffers(const PlanRequest& request, const Engine& engine, const Lowering& lowering,
                    double in_flight) {
    const auto& buffers = engine.buffers;
    const auto& train = request.train;
    const std::int64_t tokens = train.micro_batch * train.sequence / request.layout.context;
    const Stage& stage = lowering.stage;
    Bytes sum{};
    if (buffers.dense_mask && (stage.has_embedding || stage.has_head)) {
        sum += Bytes{tokens * train.sequence};
    }
    if (buffers.gathered_inputs && request.layout.tensor > 1) {
        sum += Bytes{2 * 2 * tokens * request.model.hidden};
    }
    if (buffers.pipeline_buffers && request.layout.pipeline > 1) {
        sum += pipeline_buffers(request, stage, in_flight);
    }
    if (stage.has_head && buffers.retained_logits > 0.0) {
        const auto logits = static_cast<double>(logits_of(lowering.graph));
        sum += Bytes{static_cast<std::int64_t>(buffers.retained_logits * logits)};
    }
    return sum;
}

/// Device memory that a process has before it allocates: of its context, and of libraries. Before
/// CUDA 11.7 a context holds every kernel of PyTorch: BigScience's logs of bare contexts.
Bytes outside_of(const HardwareProfile& gpu, const Engine& engine) {
    struct EagerContext {
        std::string_view chip;
        Bytes size;
    };
    constexpr std::array kEager{EagerContext{"GV100", mebibytes(1113)},
                                EagerContext{"GA100", mebibytes(1573)}};
    Bytes context = gpu.context;
    for (const auto& row : kEager) {
        if (engine.buffers.eager_kernels && gpu.chip == row.chip) context = row.size;
    }
    return context + engine.buffers.outside;
}

/// While weights are updated: nothing of a batch is left, all gradients are there, and copies of
/// them.
EngineMemory memory_of_update(const StateMemory& states, std::int64_t stage) {
    EngineMemory out{.stage = stage,
                     .states = states.kept(),
                     .buffers = states.buffers,
                     .transient = std::max(states.update, states.flat)};
    out.allocated = out.states + out.buffers + out.transient;
    return out;
}

EngineMemory stage_memory(const PlanRequest& request, const Engine& engine,
                          const EngineSettings& settings, std::int64_t index, Replay replay) {
    const Lowering lowering = engine_step(request, engine_stage(request, settings, index));
    const StateMemory states = state_memory(lowering, engine, settings);
    const StepProgram program = step_program(lowering, engine, settings);
    const double in_flight = micro_batches_in_flight(request, index);
    EngineMemory out{.stage = index, .states = states.kept()};
    const bool summed = engine.weight_gradient == WeightGradient::summed;
    if (gradients_appear(request, engine) && !summed) out.states -= states.gradients;
    out.buffers =
        states.buffers + states.gathered + batch_buffers(request, engine, lowering, in_flight);
    out.transient = peak_of(program, in_flight);
    out.allocated = out.states + out.buffers + out.transient;
    const EngineMemory updating = memory_of_update(states, index);
    // Updated within the backward pass, all gradients are never there at once.
    const bool at_update = !settings.updates_in_backward && updating.allocated > out.allocated;
    if (at_update) out.allocated = updating.allocated;
    out.reserved = out.allocated;
    if (settings.graphs_feed_forward) {
        EngineSettings eager = settings;
        eager.graphs_feed_forward = false;
        out.reserved = stage_memory(request, engine, eager, index, replay).reserved;
    } else if (replay == Replay::allocator && engine.launch != Launch::native) {
        const auto& gpu = request.hardware.profile;
        const StageStep step{lowering, states, program, in_flight};
        out.reserved = reserved_memory(step, engine, settings, out,
                                       gpu.memory_capacity - outside_of(gpu, engine));
    }
    if (at_update) {
        out.states = updating.states;
        out.buffers = updating.buffers;
        out.transient = updating.transient;
    }
    return out;
}

}  // namespace

EngineMemory engine_memory(const PlanRequest& request, const Engine& engine,
                           const EngineSettings& settings, Replay replay) {
    const std::int64_t last = request.layout.pipeline - 1;
    const bool first_only = settings.measured == ReportedStage::first;
    EngineMemory worst = stage_memory(request, engine, settings, first_only ? 0 : last, replay);
    if (last > 0 && settings.measured == ReportedStage::worst) {
        const EngineMemory first = stage_memory(request, engine, settings, 0, replay);
        if (first.allocated > worst.allocated) worst = first;
    }
    worst.process = worst.reserved + outside_of(request.hardware.profile, engine);
    return worst;
}

}  // namespace headroom
