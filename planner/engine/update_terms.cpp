#include "planner/engine/update_terms.h"

#include <cmath>

#include "planner/cost/collective_time.h"
#include "planner/technique/states.h"

namespace headroom {
namespace {

class Exchange {
public:
    Exchange(const Lowering& lowering, const Engine& engine, const EngineSettings& settings)
        : lowering_(lowering),
          engine_(engine),
          settings_(settings),
          topology_(seen_by_rings(lowering.request, settings), lowering.request.layout),
          bandwidth_(lowering.request.hardware.profile.memory_bandwidth.count()) {}

    StepTerms run() {
        add_states();
        terms_.collectives = tensor_collectives(lowering_, engine_, settings_);
        return terms_;
    }

private:
    void add_states() {
        for (const auto& unit : lowering_.units) {
            if (unit.trainable) add_unit(unit);
        }
        if (lowering_.request.layout.zero < 3) return;
        for (const auto& unit : lowering_.units) {
            if (!unit.trainable) {
                exchange(unit, terms_.gather, CollectiveKind::all_gather, frozen_bytes());
            }
        }
    }

    /// Bytes an element of a frozen weight, as it travels.
    [[nodiscard]] double frozen_bytes() const {
        constexpr double kFourBits = 0.5 + 4.0 / 64.0;  // codes, and a scale a block of 64
        return lowering_.request.adapter.kind == AdapterKind::qlora ? kFourBits : 2.0;
    }

    void add_unit(const StateUnit& unit) {
        const auto& layout = lowering_.request.layout;
        const auto elements = static_cast<double>(unit.elements);
        const double ranks =
            layout.zero >= 1 ? static_cast<double>(shard_ranks(lowering_.request, unit.kind)) : 1.0;
        double gradient = engine_.states.gradient;
        if (settings_.gradient_bytes > 0.0) gradient = settings_.gradient_bytes;
        const double moments =
            settings_.moment_bytes > 0.0 ? settings_.moment_bytes : engine_.states.moments;
        // Adam reads the gradient, reads and writes master and moments, writes the weight; the norm
        // and the clipping read and write the gradient before it.
        const double passes = 2.0 * (engine_.states.master + moments) + 4.0 * gradient + 2.0;
        if (lowering_.request.offload.optimizer == Tier::device) {
            terms_.optimizer += elements / ranks * passes / bandwidth_;
        } else {
            terms_.offload_bytes += elements / ranks * (gradient + 2.0);
            terms_.host_bytes += elements / ranks * passes;
        }
        // Megatron-Core's distributed optimizer copies each gradient of its part, and writes each
        // weight back (distrib_optimizer.py).
        constexpr double kKernelsAWeight = 2.0;
        if (engine_.loops_over_weights) {
            terms_.kernels += kKernelsAWeight * std::ceil(weights_of(unit) / ranks);
        }
        const bool full = layout.zero == 0;
        exchange(unit, terms_.reduce,
                 full ? CollectiveKind::all_reduce : CollectiveKind::reduce_scatter, gradient);
        if (!full) exchange(unit, terms_.gather, CollectiveKind::all_gather, 2.0);
    }

    /// Weights that are tensors of their own: each expert's are.
    [[nodiscard]] double weights_of(const StateUnit& unit) const {
        double count = 0.0;
        for (const auto id : unit.parameters) {
            const Shape& shape = lowering_.graph[id].shape;
            const bool stacked = unit.kind == UnitKind::expert && shape.rank() == 3;
            count += stacked ? static_cast<double>(shape[0]) : 1.0;
        }
        return count;
    }

    void exchange(const StateUnit& unit, std::array<double, kWires>& into, CollectiveKind kind,
                  double each) {
        if (replica_ranks(lowering_.request, unit.kind) <= 1) return;
        const bool expert = unit.kind == UnitKind::expert;
        const bool group = lowering_.request.layout.shard > 0;
        const Axis axis = expert ? Axis::expert_data : group ? Axis::shard : Axis::data;
        const Bytes whole{static_cast<std::int64_t>(static_cast<double>(unit.elements) * each)};
        const CollectiveTime spent = collective_time(topology_.span(axis), kind, whole);
        into[static_cast<std::size_t>(spent.wire)] += spent.time.count();
    }

    const Lowering& lowering_;
    const Engine& engine_;
    const EngineSettings& settings_;
    Topology topology_;
    double bandwidth_ = 0.0;
    StepTerms terms_{};
};

}  // namespace

StepTerms update_terms(const Lowering& lowering, const Engine& engine,
                       const EngineSettings& settings) {
    return Exchange(lowering, engine, settings).run();
}

}  // namespace headroom
