#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// One GEMM an expert over rows sorted by expert: y (M, out) from x (M, in), W (E, out, in),
/// counts (E) i32 [, bias (E, out)].
struct GroupedLinear {
    static constexpr std::string_view name = "grouped_linear";
    bool column = false;  ///< tensor parallelism: true splits output rows, false input columns
    bool operator==(const GroupedLinear&) const = default;
    void fields(const auto& visit) const { visit("column", column); }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (dy (M, out), W (E, out, in), counts (E)) -> dx (M, in).
struct GroupedGradInput {
    static constexpr std::string_view name = "grouped_grad_input";
    bool operator==(const GroupedGradInput&) const = default;
    void fields(const auto& /*visit*/) const {}

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// (x (M, in), dy (M, out), counts (E)) -> dW (E, out, in), or with `bias` dbias (E, out).
struct GroupedGradWeight {
    static constexpr std::string_view name = "grouped_grad_weight";
    bool bias = false;
    Accumulation accumulation = Accumulation::overwrite;
    bool operator==(const GroupedGradWeight&) const = default;
    void fields(const auto& visit) const {
        visit("bias", bias);
        visit("accumulation", accumulation);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
