#include "planner/engine/replayed_memory.h"

#include <algorithm>
#include <cmath>

#include "planner/engine/allocator_replay.h"
#include "planner/engine/update_copies.h"

namespace headroom {
namespace {

/// Micro-batches after which a steady pipeline repeats itself.
constexpr std::int64_t kExtraMicroBatches = 2;

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

/// DeepSpeed's ZeRO-1: all states lie flat from the start, gradients are tensors of their own.
void lay_out_zero1(const Lowering& lowering, const StateMemory& states, ReplayPlan& plan) {
    plan.flat = zero1_buffers(flat_groups(lowering), states);
    plan.moments.clear();
    plan.gradients = sums_apart(states) ? GradientLife::summed : GradientLife::reduced;
}

/// Bytes of a buffer that count as kept, and that the replay allocates with its program.
Bytes kept_of(const ProgramBuffer& buffer) {
    switch (buffer.life) {
        case BufferLife::first_stays:
            return buffer.size;
        case BufferLife::two_later:
            return 2 * buffer.size;
        case BufferLife::micro_batch:
            break;
    }
    return {};
}

ReplayPlan plan_of(const StageStep& step, const Engine& engine, const EngineSettings& settings) {
    const auto whole = static_cast<std::int64_t>(std::ceil(step.in_flight - 1e-9));
    const std::int64_t count =
        std::min(step.lowering.request.train.accumulation, whole + kExtraMicroBatches);
    return {.scales = whole_scales(step.lowering, engine),
            .moments = moment_pieces(step.lowering, step.states),
            .loaded = loaded_units(step.lowering, engine),
            .reduced = reduced_copies(step.lowering, step.states),
            .update = update_groups(step.lowering, step.states),
            .in_flight = whole,
            .micro_batches = std::max<std::int64_t>(count, 1),
            .rules = {.growth = settings.segments.value_or(engine.segments),
                      .divisions = engine.size_divisions}};
}

}  // namespace

Bytes reserved_memory(const StageStep& step, const Engine& engine, const EngineSettings& settings,
                      const EngineMemory& memory, Bytes limit) {
    const auto& [lowering, states, program, in_flight] = step;
    const auto& layout = lowering.request.layout;
    const FlatStates flat = engine.buffers.flat_states;
    ReplayPlan plan = plan_of(step, engine, settings);
    plan.limit = limit;
    Bytes early = memory.states + memory.buffers;
    for (const auto size : plan.moments) early -= size;
    if (flat == FlatStates::megatron && lowering.request.adapter.kind == AdapterKind::none) {
        return std::max(memory.allocated, fullest_reserve(lowering, states, program, plan, early));
    }
    if (flat == FlatStates::deepspeed && layout.zero == 1 && layout.replicas() > 1) {
        for (const auto size : plan.moments) early += size;
        lay_out_zero1(lowering, states, plan);
        early -= plan.flat.kept();
    }
    for (const auto& buffer : program.buffers) early -= std::min(kept_of(buffer), early);
    for (const auto& unit : plan.loaded) early -= std::min(unit.shard, early);
    for (const auto size : plan.scales) early -= std::min(size, early);
    plan.kept = in_pieces(early, lowering.units.size());
    return std::max(memory.allocated, replayed_reserve(program, plan));
}

}  // namespace headroom
