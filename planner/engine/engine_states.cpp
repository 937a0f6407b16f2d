#include "planner/engine/engine_states.h"

#include <algorithm>

#include "planner/engine/step_program.h"
#include "planner/technique/states.h"

namespace headroom {
namespace {

Bytes bytes_of_elements(double elements, double each) {
    return Bytes{static_cast<std::int64_t>(elements * each)};
}

/// Bytes an element after the settings' own words.
StateBytes settled(const Engine& engine, const EngineSettings& settings,
                   const PlanRequest& request) {
    StateBytes each = engine.states;
    if (each.fp32_adapters && request.adapter.kind != AdapterKind::none) {
        each.weight = each.gradient = 4.0;
        each.moments = 8.0;
    }
    if (settings.gradient_bytes > 0.0) each.gradient = settings.gradient_bytes;
    if (settings.moment_bytes > 0.0) each.moments = settings.moment_bytes;
    if (settings.master_bytes >= 0.0) each.master = settings.master_bytes;
    return each;
}

/// Ranks that a state is divided by.
struct Shards {
    double weights = 1.0;
    double gradients = 1.0;
    double optimizer = 1.0;
};

Shards shards_of(const PlanRequest& request, const EngineSettings& settings, UnitKind kind) {
    const auto& layout = request.layout;
    const auto all = static_cast<double>(replica_ranks(request, kind));
    const auto group = layout.shard > 0 ? std::min(static_cast<double>(layout.shard), all) : all;
    Shards shards;
    if (layout.zero >= 1) shards.optimizer = group;
    if (layout.zero == 1 && settings.optimizer_shards > 0) {
        shards.optimizer = std::min(static_cast<double>(settings.optimizer_shards), all);
    }
    if (layout.zero >= 2) shards.gradients = group;
    if (layout.zero >= 3) shards.weights = group;
    return shards;
}

/// Bytes a weight in blocks of 4 bits, and of its scales (QLoRA).
constexpr double kCodes = 0.5;
constexpr double scales_of(bool twice) {
    const double super = 4.0 / static_cast<double>(kNf4Block * kNf4SuperBlock);
    return twice ? 1.0 / static_cast<double>(kNf4Block) + super
                 : 4.0 / static_cast<double>(kNf4Block);
}

/// Weights that are not trained, in the form that they are kept in.
struct FrozenWeights {
    Bytes weights{};
    Bytes scales{};
};

FrozenWeights frozen_weights(const Lowering& lowering, const Engine& engine) {
    FrozenWeights out;
    const auto& adapter = lowering.request.adapter;
    const bool head = adapter.kind == AdapterKind::qlora && engine.decomposition.quantizes_head;
    for (const auto& unit : lowering.units) {
        if (unit.trainable) continue;
        const Tensor& first = lowering.graph[unit.parameters.front()];
        const bool scales = first.label.part.starts_with("quant.");
        (scales ? out.scales : out.weights) += bytes(lowering.graph[unit.weights]);
        if (unit.kind != UnitKind::head || !head) continue;
        const auto matrix = static_cast<double>(unit.decayed);
        out.weights -= bytes_of_elements(matrix, 2.0 - kCodes - scales_of(adapter.double_quant));
    }
    return out;
}

void add_unit(StateMemory& out, const StateUnit& unit, const StateBytes& each,
              const Shards& shards) {
    const auto elements = static_cast<double>(unit.elements);
    if (each.weight_sharded_as_master) {
        // Sharded with the gradients: stage 2 gives up sharding of what is computed with alone.
        out.weights += bytes_of_elements(elements, each.master / shards.gradients);
    } else {
        out.weights += bytes_of_elements(elements, each.weight / shards.weights);
        out.optimizer += bytes_of_elements(elements, each.master / shards.optimizer);
    }
    out.gradients += bytes_of_elements(elements, each.gradient / shards.gradients);
    const Bytes moments = bytes_of_elements(elements, each.moments / shards.optimizer);
    out.moments += moments;
    out.optimizer += moments;
    const double copies = each.copies_gradients && each.gradient < 4.0 ? 4.0 : 0.0;
    out.update +=
        bytes_of_elements(elements, (copies + each.update_temporaries) / shards.optimizer);
}

}  // namespace

namespace {

/// Buffers of gradient reduction that stay from step to step.
Bytes reduction_buffers(const PlanRequest& request, const Engine& engine, double trained,
                        double all) {
    const auto& buffers = engine.buffers;
    Bytes sum{};
    if (request.layout.replicas() > 1 && buffers.bucket_elements > 0.0) {
        const double bucket = std::min(buffers.bucket_elements, trained);
        sum += bytes_of_elements(bucket, 2.0 * buffers.bucket_copies);
    }
    if (buffers.replica_buckets && request.layout.zero == 0 && request.layout.replicas() > 1) {
        sum += bytes_of_elements(trained, 2.0);
    }
    if (buffers.unsharded_gradients && gathers_units(request, engine) &&
        request.train.accumulation > 1) {
        sum += bytes_of_elements(all, 2.0);
    }
    return sum;
}

/// Units that ZeRO-3 holds gathered all the time, where they are no events of the program.
Bytes gathered_units(const PlanRequest& request, const Engine& engine, const StateBytes& each,
                     const WeightCounts& counts) {
    if (gathers_units(request, engine)) return {};
    const double all = counts.dense + counts.experts;
    if (request.layout.zero < 3 || request.layout.shard_group() == 1) {
        return each.weight_sharded_as_master ? bytes_of_elements(all, 2.0) : Bytes{};
    }
    const double units =
        std::min(static_cast<double>(engine.buffers.gathered_units) * counts.largest_unit, all);
    const bool quantized = request.adapter.kind == AdapterKind::qlora;
    const double travels = quantized ? kCodes : 2.0;
    Bytes sum = bytes_of_elements(units, travels) + bytes_of_elements(counts.outer_units, 2.0);
    if (counts.frozen == 0.0) {
        sum += bytes_of_elements(counts.largest_unit, 2.0 + each.gradient);
    }
    return sum;
}

void offload_states(StateMemory& out, const PlanRequest& request, Bytes whole_scales) {
    if (request.offload.optimizer != Tier::device) {
        out.optimizer = out.moments = out.update = Bytes{};
    }
    if (request.offload.parameters != Tier::device) {
        out.weights = whole_scales;
        out.gradients = Bytes{};
    }
}

}  // namespace

StateMemory state_memory(const Lowering& lowering, const Engine& engine,
                         const EngineSettings& settings) {
    const auto& request = lowering.request;
    const auto& buffers = engine.buffers;
    const StateBytes each = settled(engine, settings, request);
    const WeightCounts counts = weight_counts(lowering);
    StateMemory out;
    for (const auto& unit : lowering.units) {
        if (unit.trainable) add_unit(out, unit, each, shards_of(request, settings, unit.kind));
    }
    const Shards dense = shards_of(request, settings, UnitKind::dense);
    const FrozenWeights frozen = frozen_weights(lowering, engine);
    const double scale_shards = buffers.whole_scales ? 1.0 : dense.weights;
    const Bytes scales = bytes_of_elements(frozen.scales.real(), 1.0 / scale_shards);
    out.weights += bytes_of_elements(frozen.weights.real(), 1.0 / dense.weights) + scales;
    const double trained = counts.dense + counts.experts - counts.frozen;
    out.buffers =
        buffers.workspaces + reduction_buffers(request, engine, trained,
                                               counts.dense + counts.experts - counts.outer_units);
    if (buffers.dummy_weight_gradients) {
        out.buffers += bytes_of_elements(counts.distinct_shapes, 2.0);
    }
    out.gathered = gathered_units(request, engine, each, counts);
    if (request.layout.zero <= 1 && request.layout.replicas() > 1) {
        out.flat = bytes_of_elements(trained, buffers.update_copies);
    }
    offload_states(out, request, buffers.whole_scales ? scales : Bytes{});
    return out;
}

}  // namespace headroom
