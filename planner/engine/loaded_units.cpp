#include "planner/engine/loaded_units.h"

#include <map>

#include "planner/engine/step_program.h"
#include "planner/engine/unit_span.h"

namespace headroom {
namespace {

/// What _broadcast_coalesced makes of a unit's parameters (c10d/reducer.cpp,
/// compute_bucket_assignment_by_size): copies of as many as reach 250 MiB; a parameter that does so
/// alone is sent as it is.
std::vector<Bytes> broadcast_buckets(const std::vector<Bytes>& parameters) {
    constexpr Bytes kLimit = mebibytes(250);
    std::vector<Bytes> buckets;
    Bytes sum{};
    int members = 0;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        sum += parameters[i];
        ++members;
        if (sum < kLimit && i + 1 < parameters.size()) continue;
        if (members > 1) buckets.push_back(sum);
        sum = Bytes{};
        members = 0;
    }
    return buckets;
}

}  // namespace

std::vector<LoadedUnit> loaded_units(const Lowering& lowering, const Engine& engine) {
    const auto& request = lowering.request;
    const auto& buffers = engine.buffers;
    if (engine.gathering != Gathering::fsdp1 || !gathers_units(request, engine)) return {};
    std::map<std::int32_t, LoadedUnit> layers;
    LoadedUnit outer;
    std::vector<LoadedUnit> units;
    for (const auto& unit : lowering.units) {
        const Tensor& first = lowering.graph[unit.parameters.front()];
        if (buffers.whole_scales && first.label.part.starts_with("quant.")) continue;
        LoadedUnit& whole = is_outer(unit) ? outer : layers[unit.layer];
        for (const auto id : unit.parameters) {
            const Tensor& tensor = lowering.graph[id];
            const bool apart = buffers.adapters_apart && tensor.parameter.adapter;
            LoadedUnit& to = apart ? units.emplace_back() : whole;
            to.parameters.push_back(bytes(tensor));
        }
    }
    for (auto& [layer, unit] : layers) units.push_back(std::move(unit));
    if (!outer.parameters.empty()) units.push_back(std::move(outer));
    const bool host = request.offload.parameters != Tier::device;
    for (auto& unit : units) {
        Bytes whole{};
        for (const auto size : unit.parameters) whole += size;
        unit.shard = host ? Bytes{} : whole / request.layout.shard_group();
        if (buffers.broadcasts_weights) unit.buckets = broadcast_buckets(unit.parameters);
    }
    return units;
}

std::vector<Bytes> whole_scales(const Lowering& lowering, const Engine& engine) {
    std::vector<Bytes> scales;
    if (!engine.buffers.whole_scales || !gathers_units(lowering.request, engine)) return scales;
    for (const auto& unit : lowering.units) {
        for (const auto id : unit.parameters) {
            const Tensor& tensor = lowering.graph[id];
            if (tensor.label.part.starts_with("quant.")) scales.push_back(bytes(tensor));
        }
    }
    return scales;
}

}  // namespace headroom
