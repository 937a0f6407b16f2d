#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// (W (out, in), A (r, in), B (out, r), magnitude (out)) -> (scale (out) f32 = magnitude / norm of
/// each row of W + s * B * A, merged weight (out, in), scratch). The norm is a constant to the
/// gradient, as in the paper.
struct DoraNorm {
    static constexpr std::string_view name = "dora_norm";
    double scale = 1.0;
    bool operator==(const DoraNorm&) const = default;
    void fields(const auto& visit) const { visit("scale", scale); }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (dscale (out), scale (out), magnitude (out)) -> dmagnitude (out).
struct DoraGrad {
    static constexpr std::string_view name = "dora_grad";
    Accumulation accumulation = Accumulation::overwrite;
    bool operator==(const DoraGrad&) const = default;
    void fields(const auto& visit) const { visit("accumulation", accumulation); }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
