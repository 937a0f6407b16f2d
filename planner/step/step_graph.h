#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "planner/step/op.h"
#include "planner/step/tensor.h"

namespace headroom {

enum class Phase : std::uint8_t { forward, backward, update };
constexpr std::string_view name(Phase phase) {
    constexpr std::array<std::string_view, 3> kNames{"forward", "backward", "update"};
    return kNames[static_cast<std::size_t>(phase)];
}

/// In which micro-steps of a step an op runs.
enum class When : std::uint8_t { every, first, last };

/// One op with its operands (ranges of StepGraph::operands).
struct OpNode {
    Op op{};
    std::uint32_t in_begin = 0;
    std::uint16_t in_count = 0;
    std::uint16_t out_count = 0;  ///< outputs follow the inputs
    std::int32_t layer = -1;
    Phase phase = Phase::forward;
    When when = When::every;
    bool recomputed = false;  ///< a clone: executed, not part of the mathematics
};

/// The outputs that an emitted op made, in order; a fixed-capacity list as `Outputs` is.
class Emitted {
public:
    void push(TensorId id) { id_[size_++] = id; }
    [[nodiscard]] const TensorId* begin() const { return id_.data(); }
    [[nodiscard]] const TensorId* end() const { return id_.data() + size_; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] TensorId operator[](std::size_t i) const { return id_[i]; }
    [[nodiscard]] TensorId front() const { return id_.front(); }

private:
    std::array<TensorId, Outputs::kMax> id_{};
    std::size_t size_ = 0;
};

/// One rank's step as data: a flat list of ops over named tensors. Ops of the micro-step come
/// first (forward, then backward), ops of the update last; the micro-step repeats.
class StepGraph {
public:
    std::vector<Tensor> tensors{};
    std::vector<OpNode> ops{};
    std::int64_t micro_steps = 1;

    [[nodiscard]] const Tensor& operator[](TensorId id) const {
        return tensors[static_cast<std::size_t>(id.index)];
    }
    Tensor& operator[](TensorId id) { return tensors[static_cast<std::size_t>(id.index)]; }

    [[nodiscard]] std::span<const TensorId> inputs(const OpNode& node) const {
        return {operands_.data() + node.in_begin, node.in_count};
    }
    [[nodiscard]] std::span<const TensorId> outputs(const OpNode& node) const {
        return {operands_.data() + node.in_begin + node.in_count, node.out_count};
    }
    [[nodiscard]] std::span<TensorId> inputs(const OpNode& node) {
        return {operands_.data() + node.in_begin, node.in_count};
    }
    [[nodiscard]] std::span<TensorId> outputs(const OpNode& node) {
        return {operands_.data() + node.in_begin + node.in_count, node.out_count};
    }
    [[nodiscard]] Specs specs(const OpNode& node) const;

    /// A new tensor; its storage is itself unless `tensor.storage` is set.
    TensorId add(Tensor tensor);
    /// A node over existing tensors, not yet placed in the list.
    OpNode make(Op op, std::span<const TensorId> in, std::span<const TensorId> out);
    /// Appends an op; creates the outputs it declares.
    Emitted emit(Op op, std::span<const TensorId> in, Label label, Phase phase);
    /// As `emit`, with the op's first output only.
    TensorId emit_one(Op op, std::span<const TensorId> in, Label label, Phase phase);

    /// Lets the op emitted last write tensors that exist already, too.
    void also_writes(std::span<const TensorId> out);
    /// Takes room for that many times what is there, for passes that add to it.
    void reserve_times(std::size_t times);

    [[nodiscard]] TensorId storage(TensorId id) const { return (*this)[id].storage; }

private:
    TensorId add_output(const OutputSpec& spec, std::span<const TensorId> in, Label label);

    std::vector<TensorId> operands_{};
};

/// Lays `out` over `source`, as the output declared by `spec` says.
void lie_over(Tensor& out, const OutputSpec& spec, const Tensor& source);

/// The input specs of a node, by index.
class Specs {
public:
    Specs(const StepGraph& graph, std::span<const TensorId> ids) : graph_(&graph), ids_(ids) {}
    [[nodiscard]] const TensorSpec& operator[](std::size_t i) const { return (*graph_)[ids_[i]]; }
    [[nodiscard]] std::size_t size() const { return ids_.size(); }

private:
    const StepGraph* graph_;
    std::span<const TensorId> ids_;
};

inline Specs StepGraph::specs(const OpNode& node) const { return {*this, inputs(node)}; }

/// Name of the op ("rms_norm").
std::string_view name(const Op& op);
/// Work of a node, from its operands.
Work work(const StepGraph& graph, const OpNode& node);

}  // namespace headroom
