#pragma once

#include <span>
#include <vector>

#include "planner/technique/lowering.h"

namespace headroom {

/// Rebuilds a forward graph op by op, so that a pass can change shapes and put ops in between:
/// every op declares its outputs again from its new inputs.
class Replay {
public:
    explicit Replay(const StepGraph& old) : old_(old), new_of_(old.tensors.size()) {
        next_.micro_steps = old.micro_steps;
        next_.tensors.reserve(old.tensors.size() * 2);
        next_.ops.reserve(old.ops.size() * 2);
    }

    [[nodiscard]] const StepGraph& old() const { return old_; }
    [[nodiscard]] StepGraph& next() { return next_; }
    [[nodiscard]] const Tensor& operator[](TensorId id) const { return next_[id]; }

    /// The new tensor of an old one; a leaf (parameter or input) is copied on first use.
    TensorId mapped(TensorId old_id);
    [[nodiscard]] bool has(TensorId old_id) const {
        return new_of_[static_cast<std::size_t>(old_id.index)].valid();
    }
    void map(TensorId old_id, TensorId new_id) {
        new_of_[static_cast<std::size_t>(old_id.index)] = new_id;
    }
    std::vector<TensorId> mapped_inputs(const OpNode& node);

    /// Emits an op in the place of an old one: its outputs stand for the old outputs, with their
    /// labels and roles.
    Emitted emit_as(const OpNode& node, Op op, std::span<const TensorId> in);
    /// Emits an op that the old graph did not have.
    TensorId insert(const OpNode& beside, Op op, std::span<const TensorId> in,
                    std::string_view part);
    TensorId insert(const OpNode& beside, Op op, std::initializer_list<TensorId> in,
                    std::string_view part) {
        return insert(beside, std::move(op), std::span<const TensorId>(in.begin(), in.size()),
                      part);
    }

    /// The new graph; leaves that no op reads are kept (a pooler's weights).
    StepGraph finish();

private:
    const StepGraph& old_;
    StepGraph next_{};
    std::vector<TensorId> new_of_;
};

}  // namespace headroom
