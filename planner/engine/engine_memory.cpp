#include "planner/engine/engine_memory.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string_view>
#include <vector>

#include "planner/cost/pipeline.h"
#include "planner/engine/allocator_replay.h"

namespace headroom {
namespace {

/// Micro-batches after which a steady pipeline repeats itself.
constexpr std::int64_t kExtraMicroBatches = 2;

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
    return Bytes{static_cast<std::int64_t>(waiting * in_flight + 2.0 * whole / ranks + restored)};
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

/// The two moments of every parameter, as large as this rank's part of them.
std::vector<Bytes> moment_pieces(const Lowering& lowering, const StateMemory& states) {
    double elements = 0.0;
    for (const auto& unit : lowering.units) {
        if (unit.trainable) elements += static_cast<double>(unit.elements);
    }
    std::vector<Bytes> pieces;
    if (elements <= 0.0) return pieces;
    const double each = states.moments.real() / elements / 2.0;
    for (const auto& unit : lowering.units) {
        if (!unit.trainable) continue;
        for (const auto id : unit.parameters) {
            const auto size = static_cast<double>(numel(lowering.graph[id].shape)) * each;
            pieces.insert(pieces.end(), 2, Bytes{static_cast<std::int64_t>(size)});
        }
    }
    return pieces;
}

std::vector<Bytes> in_pieces(Bytes size, std::size_t pieces) {
    const auto count = static_cast<std::int64_t>(std::max<std::size_t>(pieces, 1));
    return std::vector<Bytes>(static_cast<std::size_t>(count), Bytes{size.count() / count});
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

/// Layers one by one, then what is outside of them.
std::vector<LoadedUnit> loaded_units(const Lowering& lowering, const Engine& engine) {
    const auto& request = lowering.request;
    if (engine.gathering != Gathering::fsdp1 || !gathers_units(request, engine)) return {};
    std::map<std::int32_t, Bytes> layers;
    for (const auto& unit : lowering.units) {
        layers[unit.layer] += bytes(lowering.graph[unit.weights]);
    }
    const bool host = request.offload.parameters != Tier::device;
    std::vector<LoadedUnit> units;
    for (const auto& [layer, whole] : layers) {
        const Bytes shard = host ? Bytes{} : whole / request.layout.shard_group();
        units.insert(layer < 0 ? units.end() : units.begin(), {whole, shard});
    }
    return units;
}

/// DeepSpeed's default bucket, in bytes of 16-bit values.
constexpr std::int64_t kBucket = 2 * 500'000'000;

/// Bytes of gradients that fill a bucket alone: flattening one tensor is a view, no copy.
std::int64_t alone_in_a_bucket(const Lowering& lowering) {
    std::int64_t sum = 0;
    for (const auto& unit : lowering.units) {
        for (const auto id : unit.parameters) {
            const std::int64_t size = 2 * numel(lowering.graph[id].shape);
            if (unit.trainable && size >= kBucket) sum += size;
        }
    }
    return sum;
}

/// What the end of a step allocates. Flat copies of DeepSpeed's ZeRO-1 (stage2.py): gradients in
/// buckets, or in one block where their dtype is another than the weights' (bf16_optimizer.py);
/// then this rank's fp32 gradients; then what weights are gathered into, in whole shards.
std::vector<std::vector<Bytes>> update_groups(const Lowering& lowering, const StateMemory& states) {
    if (states.flat == Bytes{}) return {in_pieces(states.update, lowering.units.size())};
    const std::int64_t all = states.flat.count();
    const bool one_block = states.gradients > 2 * states.flat;
    const std::int64_t each = one_block ? all : kBucket;
    std::vector<Bytes> buckets;
    const std::int64_t copied = one_block ? all : all - alone_in_a_bucket(lowering);
    for (std::int64_t left = copied; left > 0; left -= each) {
        buckets.push_back(Bytes{std::min(left, each)});
    }
    const auto shards = static_cast<std::size_t>(std::max<std::int64_t>(all / kBucket, 1));
    return {buckets, {states.update - states.flat}, in_pieces(states.flat, shards)};
}

/// Ranks of a group that are replayed where each holds another slice of the states.
constexpr std::int64_t kMostSlices = 8;

/// The fullest rank's, where each holds another slice of flat states.
Bytes fullest_reserve(const Lowering& lowering, const StateMemory& states,
                      const StepProgram& program, ReplayPlan plan, Bytes early) {
    const std::vector<FlatGroup> groups = flat_groups(lowering);
    std::int64_t ranks = 1;
    for (const auto& group : groups) ranks = std::max(ranks, group.shards);
    const std::int64_t step = ceil_div(ranks, kMostSlices);
    Bytes most{};
    for (std::int64_t rank = 0; rank < ranks; rank += step) {
        plan.flat = flat_buffers(groups, states, rank);
        plan.moments = plan.flat.moments;
        const Bytes flat = plan.flat.kept();
        plan.kept = in_pieces(early - std::min(flat, early), lowering.units.size());
        most = std::max(most, replayed_reserve(program, plan));
    }
    return most;
}

Bytes reserved_memory(const Lowering& lowering, const Engine& engine, const EngineMemory& memory,
                      const StateMemory& states, const StepProgram& program,
                      const EngineSettings& settings, double in_flight) {
    const auto& request = lowering.request;
    const auto& gpu = request.hardware.profile;
    const auto whole = static_cast<std::int64_t>(std::ceil(in_flight - 1e-9));
    ReplayPlan plan{.moments = moment_pieces(lowering, states),
                    .loaded = loaded_units(lowering, engine),
                    .update = update_groups(lowering, states),
                    .in_flight = whole,
                    .rules = {.growth = settings.segments.value_or(engine.segments),
                              .divisions = engine.size_divisions}};
    Bytes late{};
    for (const auto size : plan.moments) late += size;
    const Bytes early = memory.states + memory.buffers - late;
    plan.micro_batches =
        std::max<std::int64_t>(std::min(request.train.accumulation, whole + kExtraMicroBatches), 1);
    plan.limit = gpu.memory_capacity - outside_of(gpu, engine);
    if (engine.buffers.flat_states && request.adapter.kind == AdapterKind::none) {
        return std::max(memory.allocated, fullest_reserve(lowering, states, program, plan, early));
    }
    Bytes loaded{};
    for (const auto& unit : plan.loaded) loaded += unit.shard;
    plan.kept = in_pieces(early - std::min(loaded, early), lowering.units.size());
    return std::max(memory.allocated, replayed_reserve(program, plan));
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
    if (!settings.updates_in_backward) {  // else all gradients are never there at once
        out.allocated = std::max(out.allocated, states.kept() + states.buffers + states.update);
    }
    out.reserved = out.allocated;
    if (replay == Replay::allocator && engine.launch != Launch::native) {
        out.reserved = reserved_memory(lowering, engine, out, states, program, settings, in_flight);
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
