#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// y (N, F) = act(gate) * up, or act(x) when not gated. Inputs (gate, up), or one packed
/// (N, 2F), or x; with `routed` also row weights (N) f32, which scale every row by
/// the routing weight of the token copy it holds.
struct Activate {
    static constexpr std::string_view name = "activate";
    ActivationKind kind = ActivationKind::silu;
    bool gated = false;
    bool packed = false;
    bool routed = false;
    bool operator==(const Activate&) const = default;
    void fields(const auto& visit) const {
        visit("kind", kind);
        visit("gated", gated);
        visit("packed", packed);
        visit("routed", routed);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (forward inputs ..., dy) -> gradients of the inputs, each written over its input; with `routed`
/// also the gradient of the row weights (N) f32.
struct ActivateGrad {
    static constexpr std::string_view name = "activate_grad";
    ActivationKind kind = ActivationKind::silu;
    bool gated = false;
    bool packed = false;
    bool routed = false;
    bool operator==(const ActivateGrad&) const = default;
    void fields(const auto& visit) const {
        visit("kind", kind);
        visit("gated", gated);
        visit("packed", packed);
        visit("routed", routed);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
