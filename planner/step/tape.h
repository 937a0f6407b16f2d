#pragma once

#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "planner/step/step_graph.h"

namespace headroom {

/// Walks the forward ops backwards and appends their backward ops: reverse-mode differentiation
/// on the op list. An op's rule asks for the gradient of its outputs and gives those of its inputs.
class Tape {
public:
    explicit Tape(StepGraph& graph)
        : graph_(graph), gradient_(graph.tensors.size()), written_(graph.tensors.size()) {}

    /// Appends the backward pass of every op now in the graph.
    void run();

    [[nodiscard]] StepGraph& graph() { return graph_; }
    [[nodiscard]] TensorId in(const OpNode& node, std::size_t i) const {
        return graph_.inputs(node)[i];
    }
    [[nodiscard]] TensorId out(const OpNode& node, std::size_t i) const {
        return graph_.outputs(node)[i];
    }

    /// The gradient that has reached a value so far; none when nothing that matters reads it.
    [[nodiscard]] TensorId gradient(TensorId value) const {
        const auto at = static_cast<std::size_t>(value.index);
        return at < gradient_.size() ? gradient_[at] : TensorId{};
    }
    [[nodiscard]] bool wants(TensorId value) const { return graph_[value].needs_gradient; }
    /// Adds a contribution to the gradient of a value: the first is taken as it is, a later one is
    /// summed into it.
    void give(TensorId value, TensorId gradient);
    /// Replaces the gradient: the op that made `gradient` has added what was there.
    void replace(TensorId value, TensorId gradient);

    /// Whether only one value's gradient is this tensor, so that a rule may write over it.
    [[nodiscard]] bool exclusive(TensorId gradient) const {
        const auto at = static_cast<std::size_t>(gradient.index);
        return at >= given_.size() || given_[at] < 2;
    }

    /// Emits a backward op; labels of outputs are those of `like`, marked as gradients.
    Emitted emit(Op op, std::span<const TensorId> in, TensorId like);
    /// Emits a backward op that also writes into the gradients of parameters.
    Emitted emit_into(Op op, std::span<const TensorId> in, TensorId like,
                      std::span<const TensorId> parameters);
    /// Replaces the op whose rule is running by `op`, which writes these parameters' gradients too:
    /// one that makes its gradients in the forward pass.
    void rewrite(Op op, std::span<const TensorId> parameters);
    /// The parameter that a product's weight is, or is a rounded temporary of.
    [[nodiscard]] TensorId parameter(TensorId weight) const;
    /// Once a product has written the gradient of `parameter(weight)`: takes back what does not
    /// pass through the rounding between the two.
    void pass_through(TensorId weight);
    /// How the next write into a parameter's gradient combines with what is there.
    Accumulation accumulation(TensorId parameter);
    [[nodiscard]] bool trains(TensorId parameter) const {
        return graph_[parameter].parameter.gradient.valid();
    }

private:
    /// The op that made a temporary of a parameter; null: none did.
    [[nodiscard]] const OpNode* rounding(TensorId weight) const;
    void set(TensorId value, TensorId gradient);

    StepGraph& graph_;
    std::vector<TensorId> gradient_;     ///< by value
    std::vector<std::uint8_t> given_{};  ///< by gradient: values that have it, 2 standing for more
    std::vector<bool>
        written_;  ///< by parameter gradient: whether this micro-step wrote it already
    std::int32_t layer_ = -1;
    std::size_t at_ = 0;                            ///< the forward op whose rule is running
    std::map<TensorId, std::size_t> rounded_by_{};  ///< temporaries of parameters: their ops
};

}  // namespace headroom
