#include <algorithm>

#include "planner/plan/layer_runs.h"
#include "planner/search/rank.h"
#include "planner/step/op/optimizer.h"

namespace headroom {
namespace {

/// Layers of the two short graphs.
constexpr std::int64_t kShort = 2;
/// The second micro-batch size that is measured.
constexpr std::int64_t kLargerBatch = 4;

struct Measured {
    double seconds = 0.0;
    double backward = 0.0;
    double kept = 0.0;
    double peak = 0.0;
    double persistent = 0.0;
    std::array<UnitSize, 4> units{};
};

UnitSize size_of(const PlanRequest& request, const StateUnit& unit, const Tensor& flat) {
    if (is_teacher(unit.layer)) return {.teacher_bytes = bytes(flat).real()};
    UnitSize size{.weight_bytes = bytes(flat).real()};
    if (!unit.trainable) return size;
    size.trainable = static_cast<double>(unit.elements);
    if (flat.dtype != DType::f32 && request.train.master) size.state_bytes += 4.0 * size.trainable;
    for (const auto& state :
         optimizer_states(request.train.optimizer, unit.elements, unit.factored)) {
        size.state_bytes += static_cast<double>(bytes_of(state.elements, state.dtype));
    }
    // Masks lie with the states, a bit a weight.
    const bool blocks = unit.kind == UnitKind::dense || unit.kind == UnitKind::expert;
    if (request.prune.is_on() && blocks) size.state_bytes += size.trainable / 8.0;
    return size;
}

Measured measure(const PlanRequest& request, const Stage& stage, const TimeModel& model) {
    const Lowering lowering = lower(request, stage, false);
    const StageProfile profile = profile_graph(lowering, model);
    Measured out{.seconds = (profile.cost.micro.forward + profile.cost.micro.backward).count(),
                 .backward = profile.cost.micro.backward.count(),
                 .kept = total(profile.kept).real(),
                 .peak = profile.device.total.real(),
                 .persistent = total(profile.persistent).real()};
    for (const auto& unit : lowering.units) {
        auto& sum = out.units[static_cast<std::size_t>(unit.kind)];
        const UnitSize size = size_of(request, unit, lowering.graph[unit.weights]);
        sum.trainable += size.trainable;
        sum.weight_bytes += size.weight_bytes;
        sum.state_bytes += size.state_bytes;
        sum.teacher_bytes += size.teacher_bytes;
    }
    return out;
}

/// One rank with every layer, no data-parallel sharding: what the key decides and nothing else.
/// With experts on several ranks there are four micro-steps, so that the typical one carries no
/// gradient exchange.
PlanRequest plain_request(const SearchRequest& request, const Choice& choice) {
    PlanRequest plain = with(request, choice);
    plain.layout.pipeline = plain.layout.interleave = 1;
    plain.layout.zero = 0;
    plain.layout.shard = 0;
    plain.layout.data = choice.expert;  // the smallest that holds the expert group
    plain.offload.optimizer = plain.offload.parameters = Tier::device;
    plain.train.accumulation = choice.expert > 1 ? 4 : 1;
    return plain;
}

/// Two graphs of one request, a unit of layers apart; a short or irregular stack is one unit.
struct Pair {
    Measured a{};
    Measured b{};
    double unit = 1.0;     ///< layers between them
    double present = 0.0;  ///< layers of the shorter
};

Pair measure_pair(const PlanRequest& plain, const TimeModel& model) {
    const Stage whole = stage_of(plain, 0);
    const auto small = shortened(plain, whole, kShort);
    const auto large = small ? shortened(plain, whole, kShort + 1) : std::nullopt;
    if (!large) {
        return {.b = measure(plain, whole, model), .unit = static_cast<double>(plain.model.layers)};
    }
    return {measure(small->request, small->stage, model),
            measure(large->request, large->stage, model), static_cast<double>(small->unit),
            static_cast<double>(small->stage.layers())};
}

MicroProfile micro_profile(const Pair& pair) {
    const auto slope = [&](double from, double to) { return (to - from) / pair.unit; };
    MicroProfile out;
    out.layer_seconds = slope(pair.a.seconds, pair.b.seconds);
    out.layer_backward = slope(pair.a.backward, pair.b.backward);
    out.outer_seconds = pair.a.seconds - pair.present * out.layer_seconds;
    out.layer_kept = slope(pair.a.kept, pair.b.kept);
    out.outer_kept = pair.a.kept - pair.present * out.layer_kept;
    out.excess = pair.b.peak - pair.b.persistent - pair.b.kept;
    return out;
}

/// a + k * b, field by field.
MicroProfile combined(const MicroProfile& a, double k, const MicroProfile& b) {
    return {a.layer_seconds + k * b.layer_seconds,
            a.layer_backward + k * b.layer_backward,
            a.outer_seconds + k * b.outer_seconds,
            a.layer_kept + k * b.layer_kept,
            a.outer_kept + k * b.outer_kept,
            a.excess + k * b.excess,
            a.rebuilt + k * b.rebuilt};
}

void fill_units(const Pair& pair, KeyProfile& key) {
    const auto slope = [&](double from, double to) { return (to - from) / pair.unit; };
    for (std::size_t k = 0; k < key.layer.size(); ++k) {
        const auto& from = pair.a.units[k];
        const auto& to = pair.b.units[k];
        key.layer[k] = {slope(from.trainable, to.trainable),
                        slope(from.weight_bytes, to.weight_bytes),
                        slope(from.state_bytes, to.state_bytes)};
        key.outer[k] = {from.trainable - pair.present * key.layer[k].trainable,
                        from.weight_bytes - pair.present * key.layer[k].weight_bytes,
                        from.state_bytes - pair.present * key.layer[k].state_bytes,
                        to.teacher_bytes};
    }
}

}  // namespace

MicroProfile at(const KeyProfile& key, std::int32_t micro_batch) {
    return combined(key.one, micro_batch - 1.0, key.more);
}

KeyProfile key_profile(const SearchRequest& request, const Choice& any_of_key) {
    PlanRequest plain = plain_request(request, any_of_key);
    const TimeModel model(plain.hardware.profile, with(request, any_of_key).layout);
    plain.train.micro_batch = 1;
    const Pair one = measure_pair(plain, model);
    plain.train.micro_batch = kLargerBatch;
    const Pair larger = measure_pair(plain, model);
    KeyProfile key{.usable = true, .one = micro_profile(one)};
    const MicroProfile difference = combined(micro_profile(larger), -1.0, key.one);
    key.more = combined({}, 1.0 / (kLargerBatch - 1.0), difference);
    fill_units(one, key);
    return key;
}

KeyProfile segmented(const KeyProfile& none, const KeyProfile& layer) {
    KeyProfile key = layer;
    key.one.rebuilt = none.one.layer_kept;
    key.more.rebuilt = none.more.layer_kept;
    return key;
}

bool is_segmented(const RecomputeSpec& spec) {
    return spec.mode == RecomputeMode::every || spec.mode == RecomputeMode::sqrt ||
           spec.mode == RecomputeMode::all;
}

}  // namespace headroom
