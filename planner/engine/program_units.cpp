#include "planner/engine/program_units.h"

#include <algorithm>
#include <map>

#include "planner/engine/unit_span.h"
#include "planner/technique/states.h"

namespace headroom {
namespace {

/// Collects the buffers of a step's units in the order of its layers.
class UnitBuffers {
public:
    UnitBuffers(const Lowering& lowering, const Engine& engine)
        : lowering_(lowering),
          engine_(engine),
          shards_(lowering.request.layout.shard_group()),
          end_(static_cast<Position>(lowering.graph.ops.size()) - 1) {
        auto by_layer = layer_spans(lowering);
        for (const auto& unit : lowering.units) add(unit, by_layer);
        for (auto& [layer, span] : by_layer) {
            if (span.backward_begin < 0) span.backward_begin = span.backward_end = end_;
            spans_.push_back(span);
        }
    }

    std::vector<ProgramBuffer> run() {
        outer();
        for (std::size_t i = 0; i < spans_.size(); ++i) {
            if (engine_.gathering == Gathering::fsdp2) {
                gather_and_copy(i);
            } else {
                gather_flat(i);
            }
        }
        return std::move(out_);
    }

private:
    void add(const StateUnit& unit, std::map<std::int32_t, UnitSpan>& by_layer) {
        const std::int64_t bytes_of_unit = bytes(lowering_.graph[unit.weights]).count();
        const auto found = by_layer.find(unit.layer);
        const bool head = unit.kind == UnitKind::head && outer_apart(lowering_.request, engine_);
        UnitSpan& outside = head ? head_ : outer_;
        UnitSpan& span = is_outer(unit) || found == by_layer.end() ? outside : found->second;
        const auto& part = lowering_.graph[unit.parameters.front()].label.part;
        if (engine_.buffers.whole_scales && part.starts_with("quant.")) return;
        span.gathered += bytes_of_unit;
        if (unit.trainable) span.trained += unit.elements;
    }

    void put(std::int64_t size, Position first, Position last, BlockStream stream) {
        if (size <= 0) return;
        out_.push_back({Bytes{size}, first, std::max(first, last), stream});
    }

    [[nodiscard]] bool offloads() const {
        return lowering_.request.offload.parameters != Tier::device;
    }

    /// Embedding, final norm and head: gathered once, never given back before the backward pass
    /// ends (the root unit of FSDP), unless they are units of their own.
    void outer() {
        if (outer_apart(lowering_.request, engine_)) {
            const Position before_layers = spans_.back().backward_begin - 1;
            put(outer_.gathered, 0, 0, BlockStream::compute);
            put(outer_.gathered, end_, end_, BlockStream::compute);
            put(head_.gathered, spans_.back().forward_end + 1, before_layers, BlockStream::compute);
            reduce_outer(head_, before_layers);
        } else {
            const bool copies = engine_.gathering == Gathering::fsdp2;
            put(outer_.gathered, 0, end_, copies ? BlockStream::compute : BlockStream::gather);
        }
        if (offloads()) {
            const Position next = spans_.empty() ? 0 : spans_.front().forward_begin;
            put(outer_.gathered / shards_, 0, next, BlockStream::offload);
        }
        reduce_outer(outer_, end_);
    }

    void reduce_outer(const UnitSpan& span, Position at) {
        put(reduced(span), at, at, BlockStream::compute);
        if (!offloads() && gradients_appear(lowering_.request, engine_)) {
            put(reduced(span) / shards_, at, end_, BlockStream::reduce);
        }
    }

    /// What a unit's gradients are copied into for their reduction.
    [[nodiscard]] std::int64_t reduced(const UnitSpan& span) const {
        const double each = engine_.states.weight_sharded_as_master ? engine_.states.gradient : 2.0;
        return static_cast<std::int64_t>(static_cast<double>(span.trained) * each);
    }

    /// FSDP2 (torch/distributed/fsdp/_fully_shard/_fsdp_collectives.py): the cast shard and the
    /// gathered buffer on the gather stream, parameters copied out of it, the reduced shard on the
    /// reduction's stream. A gathered buffer goes when the next unit's is there.
    void gather_and_copy(std::size_t i) {
        const UnitSpan& span = spans_[i];
        const UnitSpan& next = spans_[std::min(i + 1, spans_.size() - 1)];
        const UnitSpan& before = spans_[i > 0 ? i - 1 : 0];
        const bool last = i + 1 == spans_.size();
        const std::int64_t shard = span.gathered / shards_ * (offloads() ? 2 : 1);
        put(shard, span.forward_begin, span.forward_begin, BlockStream::gather);
        put(span.gathered, span.forward_begin, last ? span.forward_end : next.forward_begin,
            BlockStream::gather);
        put(span.gathered, span.forward_begin, span.forward_end, BlockStream::compute);
        const Position prefetched = last ? span.backward_begin : next.backward_begin;
        put(shard, prefetched, prefetched, BlockStream::gather);
        put(span.gathered, prefetched, span.backward_begin, BlockStream::gather);
        put(span.gathered, span.backward_begin, span.backward_end, BlockStream::compute);
        put(reduced(span), span.backward_end, i > 0 ? before.backward_end : end_,
            BlockStream::compute);
        if (!offloads() && gradients_appear(lowering_.request, engine_)) {
            put(reduced(span) / shards_, span.backward_end, end_, BlockStream::reduce);
        }
    }

    /// FSDP1: a flat parameter on the unsharding stream; the next one of the backward pass is
    /// gathered when this one's begins, or near its end where adapters are units of their own.
    void gather_flat(std::size_t i) {
        const UnitSpan& span = spans_[i];
        const UnitSpan& next = spans_[std::min(i + 1, spans_.size() - 1)];
        const bool last = i + 1 == spans_.size();
        put(span.gathered, span.forward_begin, span.forward_end, BlockStream::gather);
        const Position after_loss = spans_.back().forward_end + 1;
        const Position prefetched = last                             ? after_loss
                                    : engine_.buffers.adapters_apart ? next.backward_end
                                                                     : next.backward_begin;
        put(span.gathered, std::min(prefetched, span.backward_begin), span.backward_end,
            BlockStream::gather);
        if (offloads()) {
            // The gather's stream was told of a shard's copy: it is free when the device has passed
            // that, and the host asks for the next unit's before.
            const UnitSpan& before = spans_[i > 0 ? i - 1 : 0];
            put(span.gathered / shards_, span.forward_begin,
                last ? span.forward_end : next.forward_begin, BlockStream::offload);
            put(span.gathered / shards_, span.backward_begin,
                i > 0 ? before.backward_begin : span.backward_end, BlockStream::offload);
        }
        if (span.trained > 0 && !engine_.buffers.adapters_apart) flat_gradient(span);
    }

    /// The views of a flat parameter get gradients, frozen ones too (use_orig_params), which are
    /// concatenated into the flat one.
    void flat_gradient(const UnitSpan& span) {
        put(span.gathered - 2 * span.trained, (span.backward_begin + span.backward_end) / 2,
            span.backward_end, BlockStream::compute);
        put(span.gathered, span.backward_end, span.backward_end, BlockStream::compute);
    }

    const Lowering& lowering_;
    const Engine& engine_;
    std::int64_t shards_ = 1;
    Position end_ = 0;
    UnitSpan outer_{};
    UnitSpan head_{};  ///< where it is a unit of its own
    std::vector<UnitSpan> spans_{};
    std::vector<ProgramBuffer> out_{};
};

}  // namespace

bool gathers_units(const PlanRequest& request, const Engine& engine) {
    return engine.gathering != Gathering::kept && request.layout.zero >= 3 &&
           request.layout.pipeline == 1 && request.layout.shard_group() > 1;
}

std::vector<ProgramBuffer> gathered_buffers(const Lowering& lowering, const Engine& engine) {
    if (!gathers_units(lowering.request, engine)) return {};
    return UnitBuffers(lowering, engine).run();
}

}  // namespace headroom
