#include "planner/engine/engine_states.h"

#include <algorithm>

#include "planner/technique/states.h"

namespace headroom {
namespace {

Bytes bytes_of_elements(double elements, double each) {
    return Bytes{static_cast<std::int64_t>(elements * each)};
}

/// Bytes an element after the settings' own words.
StateBytes settled(const Engine& engine, const EngineSettings& settings) {
    StateBytes each = engine.states;
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

/// Bytes of the weights of frozen units, quantization state included: what the graph keeps.
Bytes frozen_weights(const Lowering& lowering) {
    Bytes sum{};
    for (std::size_t i = 0; i < lowering.graph.tensors.size(); ++i) {
        const Tensor& tensor = lowering.graph.tensors[i];
        const bool own = tensor.storage.index == static_cast<std::int32_t>(i);
        if (own && tensor.persistent && tensor.role == Role::parameter) sum += bytes(tensor);
    }
    for (const auto& unit : lowering.units) {
        if (unit.trainable) sum -= bytes(lowering.graph[unit.weights]);
    }
    return sum;
}

void add_unit(StateMemory& out, const StateUnit& unit, const StateBytes& each,
              const Shards& shards) {
    const auto elements = static_cast<double>(unit.elements);
    if (each.weight_sharded_as_master) {
        out.weights += bytes_of_elements(elements, each.master / shards.weights);
    } else {
        out.weights += bytes_of_elements(elements, each.weight / shards.weights);
        out.optimizer += bytes_of_elements(elements, each.master / shards.optimizer);
    }
    out.gradients += bytes_of_elements(elements, each.gradient / shards.gradients);
    const Bytes moments = bytes_of_elements(elements, each.moments / shards.optimizer);
    out.moments += moments;
    out.optimizer += moments;
}

}  // namespace

StateMemory state_memory(const Lowering& lowering, const Engine& engine,
                         const EngineSettings& settings) {
    const auto& request = lowering.request;
    const StateBytes each = settled(engine, settings);
    const WeightCounts counts = weight_counts(lowering);
    StateMemory out;
    double largest = 0.0;
    for (const auto& unit : lowering.units) {
        if (unit.trainable) {
            add_unit(out, unit, each, shards_of(request, settings, unit.kind));
        }
        largest = std::max(largest, static_cast<double>(unit.elements));
    }
    const Shards dense = shards_of(request, settings, UnitKind::dense);
    out.weights += bytes_of_elements(frozen_weights(lowering).real(), 1.0 / dense.weights);
    const auto& buffers = engine.buffers;
    out.buffers = buffers.workspaces;
    if (buffers.dummy_weight_gradients) {
        out.buffers += bytes_of_elements(counts.distinct_shapes, 2.0);
    }
    const double trained = counts.dense + counts.experts - counts.frozen;
    if (request.layout.replicas() > 1 && buffers.bucket_elements > 0.0) {
        const double bucket = std::min(buffers.bucket_elements, trained);
        out.buffers += bytes_of_elements(bucket, 2.0 * buffers.bucket_copies);
    }
    if (request.layout.zero >= 3 && dense.weights > 1.0) {
        const double units =
            std::min(static_cast<double>(buffers.gathered_units) * counts.largest_unit,
                     counts.dense + counts.experts);
        // Frozen 4-bit layers travel as they are kept; embedding and head are not quantized.
        constexpr double kFourBits = 0.5 + 4.0 / 64.0;
        const double each_gathered = request.adapter.kind == AdapterKind::qlora ? kFourBits : 2.0;
        out.gathered =
            bytes_of_elements(units, each_gathered) + bytes_of_elements(counts.outer_units, 2.0);
        if (trained > 0.0)
            out.gathered += bytes_of_elements(counts.largest_unit, 2.0 + each.gradient);
    } else if (each.weight_sharded_as_master) {
        out.gathered = bytes_of_elements(counts.dense + counts.experts, 2.0);
    }
    if (request.layout.zero <= 1) {
        out.buffers += bytes_of_elements(trained, buffers.flat_gradients);
    }
    if (buffers.loads_whole_model && request.layout.zero >= 3) {
        const double all = counts.dense + counts.experts;
        out.loading = bytes_of_elements(all, 2.0) + out.weights + out.gathered;
    }
    if (request.offload.optimizer != Tier::device) out.optimizer = out.moments = Bytes{};
    if (request.offload.parameters != Tier::device) {
        out.weights = Bytes{};
        out.gradients = Bytes{};
    }
    return out;
}

}  // namespace headroom
