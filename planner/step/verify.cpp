#include "planner/step/verify.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "planner/base/error.h"
#include "planner/step/extents.h"
#include "planner/step/in_flight.h"
#include "planner/step/promise.h"

namespace headroom {
namespace {

constexpr std::int32_t kNever = -2;
constexpr std::int32_t kBeforeStep = -1;

/// An op replaced what lay in these bytes.
struct Overwrite {
    Extent extent{};
    std::int32_t op = 0;
    std::int32_t previous = -1;  ///< of the same storage
};

struct StorageState {
    std::int32_t filled = kNever;  ///< the last write: how old a name is that no op wrote as such
    std::int32_t overwrite = -1;   ///< the latest
};

bool is_view_op(const Op& op) {
    return std::holds_alternative<SplitColumns>(op) || std::holds_alternative<CopyToGroup>(op);
}

bool may_leave_device(const Op& op) {
    if (const auto* norm = std::get_if<GradNorm>(&op)) return norm->place == Place::host;
    if (const auto* mask = std::get_if<MaskGradient>(&op)) return mask->place == Place::host;
    if (const auto* update = std::get_if<Update>(&op)) return update->place == Place::host;
    return std::holds_alternative<Transfer>(op) || std::holds_alternative<Wait>(op) ||
           std::holds_alternative<Collective>(op);
}

/// Every view lies within a storage.
void check_views(const StepGraph& graph) {
    const auto count = static_cast<std::int32_t>(graph.tensors.size());
    for (const auto& tensor : graph.tensors) {
        const std::int32_t root = tensor.storage.index;
        if (root < 0 || root >= count || graph.storage(tensor.storage) != tensor.storage) {
            throw InternalError(
                fmt::format("tensor {}: its storage is a view", to_string(tensor.label)));
        }
        const std::int64_t end = tensor.offset.count() + bytes(tensor).count();
        const std::int64_t limit = bytes(graph[tensor.storage]).count();
        if (tensor.offset.count() < 0 || end > limit) {
            throw InternalError(fmt::format("tensor {}: ends at byte {} of a storage of {}",
                                            to_string(tensor.label), end, limit));
        }
    }
}

/// Walks the ops once; all state lies in vectors by tensor index.
class Verifier {
public:
    explicit Verifier(const StepGraph& graph)
        : graph_(graph),
          extents_(graph),
          in_flight_(graph, extents_),
          written_(graph.tensors.size(), kNever),
          storages_(graph.tensors.size()) {}

    void run() {
        fill_at_start();
        for (at_ = 0; at_ < static_cast<std::int32_t>(graph_.ops.size()); ++at_) visit();
        if (in_flight_.oldest() >= 0) {
            broken(graph_, in_flight_.oldest(), "is never waited for");
        }
    }

private:
    [[noreturn]] void fail(const std::string& sentence) const { broken(graph_, at_, sentence); }
    [[nodiscard]] const OpNode& node() const { return graph_.ops[static_cast<std::size_t>(at_)]; }
    [[nodiscard]] std::string text(TensorId id) const { return to_string(graph_[id].label); }
    std::int32_t& written(TensorId id) { return written_[static_cast<std::size_t>(id.index)]; }
    StorageState& storage(TensorId id) {
        return storages_[static_cast<std::size_t>(graph_.storage(id).index)];
    }

    void fill_at_start();
    void visit();
    void check_places() const;
    void read(TensorId id);
    void check_fresh(TensorId id, std::int32_t since);
    void check_declared(const OutputSpec& spec, TensorId id) const;
    void write_declared(const OutputSpec& spec, TensorId id, std::size_t position);
    void write_extra(TensorId id);
    void check_idle(TensorId id) const;

    const StepGraph& graph_;
    Extents extents_;
    InFlight in_flight_;
    std::vector<std::int32_t> written_;  ///< by tensor: the op that last put out this very value
    std::vector<StorageState> storages_;
    std::vector<Overwrite> overwrites_{};
    std::int32_t at_ = 0;
};

/// Persistent tensors and the step's inputs hold a value before the first op.
void Verifier::fill_at_start() {
    for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
        const Tensor& tensor = graph_.tensors[i];
        const bool input = tensor.label.part.starts_with("input.");
        if (input) written_[i] = kBeforeStep;
        if (input || tensor.persistent) storages_[i].filled = kBeforeStep;
    }
}

void Verifier::visit() {
    if (!may_leave_device(node().op)) check_places();
    for (const auto id : graph_.inputs(node())) read(id);
    const Outputs declared =
        std::visit([&](const auto& op) { return op.outputs(graph_.specs(node())); }, node().op);
    const auto outputs = graph_.outputs(node());
    if (outputs.size() < declared.size()) {
        fail(fmt::format("has {} outputs and declares {}", outputs.size(), declared.size()));
    }
    std::size_t position = 0;
    for (const auto& spec : declared) {
        check_declared(spec, outputs[position]);
        const bool own_input =
            spec.alias >= 0 &&
            graph_.inputs(node())[static_cast<std::size_t>(spec.alias)] == outputs[position];
        if (own_input) {
            write_extra(outputs[position]);  // a kept tensor, summed in place under its own name
        } else {
            write_declared(spec, outputs[position], position);
        }
        ++position;
    }
    for (; position < outputs.size(); ++position) write_extra(outputs[position]);
    if (is_async(node().op)) in_flight_.launch(at_);
    if (std::holds_alternative<Wait>(node().op)) in_flight_.wait(at_);
}

void Verifier::check_places() const {
    const auto check = [&](TensorId id) {
        if (graph_[id].place == Place::device) return;
        fail(fmt::format("{} is not on the device", text(id)));
    };
    for (const auto id : graph_.inputs(node())) check(id);
    for (const auto id : graph_.outputs(node())) check(id);
}

void Verifier::read(TensorId id) {
    const std::int32_t since = written(id) != kNever ? written(id) : storage(id).filled;
    if (since == kNever) fail(fmt::format("reads {} before it is written", text(id)));
    const Op& op = node().op;
    if (std::holds_alternative<Wait>(op)) return;  // it reads no bytes
    check_fresh(id, since);
    if (is_async(op) || !in_flight_.touches(id)) return;
    const std::int32_t writer = in_flight_.writer(id);
    if (writer < 0) return;
    fail(fmt::format("reads {} without a wait for {}", text(id), title(graph_, writer)));
}

/// Nobody has replaced the bytes of a value that was written by op `since`.
void Verifier::check_fresh(TensorId id, std::int32_t since) {
    const Extent mine = extents_.of(id);
    for (auto i = storage(id).overwrite; i >= 0;) {
        const Overwrite& entry = overwrites_[static_cast<std::size_t>(i)];
        if (entry.op <= since) return;
        if (extents_.overlap(entry.extent, mine)) {
            fail(fmt::format("reads {} after {} overwrote it", text(id), title(graph_, entry.op)));
        }
        i = entry.previous;
    }
}

void Verifier::check_declared(const OutputSpec& spec, TensorId id) const {
    const Tensor& tensor = graph_[id];
    if (tensor.shape != spec.shape || tensor.dtype != spec.dtype) {
        fail(fmt::format("{} is {} {}, declared {} {}", text(id), to_string(tensor.shape),
                         name(tensor.dtype), to_string(spec.shape), name(spec.dtype)));
    }
    if (spec.alias < 0) return;
    const TensorId source = graph_.inputs(node())[static_cast<std::size_t>(spec.alias)];
    if (tensor.storage == graph_.storage(source) && tensor.offset >= graph_[source].offset) return;
    fail(fmt::format("{} must lie over {}", text(id), text(source)));
}

void Verifier::write_declared(const OutputSpec& spec, TensorId id, std::size_t position) {
    if (spec.alias >= 0) {
        const TensorId source = graph_.inputs(node())[static_cast<std::size_t>(spec.alias)];
        if (std::holds_alternative<SplitColumns>(node().op)) {
            extents_.split(id, source, at_, position);
        } else {
            extents_.inherit(id, source);
        }
    }
    written(id) = at_;
    if (is_view_op(node().op)) return;
    check_idle(id);
    StorageState& target = storage(id);
    const bool first = target.filled == kNever && target.overwrite < 0;
    // Persistent bytes are rewritten in place from step to step; their other names stay good.
    if (!first && !graph_[graph_.storage(id)].persistent) {
        overwrites_.push_back({extents_.of(id), at_, target.overwrite});
        target.overwrite = static_cast<std::int32_t>(overwrites_.size()) - 1;
    }
    target.filled = at_;
}

/// Gradients of parameters and the like: bytes that several ops fill, each its part or its addend.
void Verifier::write_extra(TensorId id) {
    check_idle(id);
    written(id) = at_;
    storage(id).filled = at_;
}

/// An async op still uses these bytes.
void Verifier::check_idle(TensorId id) const {
    if (!in_flight_.touches(id)) return;
    const std::int32_t user = in_flight_.user(id, node().op);
    if (user < 0) return;
    fail(fmt::format("overwrites {} without a wait for {}", text(id), title(graph_, user)));
}

}  // namespace

void verify(const StepGraph& graph) {
    check_views(graph);
    Verifier(graph).run();
}

}  // namespace headroom
