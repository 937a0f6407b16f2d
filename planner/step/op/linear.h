#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// How tensor parallelism treats a linear layer: each rank holds output rows, input columns, or
/// all.
enum class LinearStyle : std::uint8_t { replicated, column, row };

/// y (N, out) = x (N, in) * W (out, in)^T [+ bias (out)].
struct Linear {
    static constexpr std::string_view name = "linear";
    LinearStyle style = LinearStyle::replicated;
    bool f32_out = false;  ///< the MoE router's logits
    bool operator==(const Linear&) const = default;
    void fields(const auto& visit) const {
        visit("style", style);
        visit("f32_out", f32_out);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// y (N, out) += scale * x (N, in) * W (out, in)^T, in place on y: the second half of an adapter.
struct LinearAdd {
    static constexpr std::string_view name = "linear_add";
    double scale = 1.0;
    bool operator==(const LinearAdd&) const = default;
    void fields(const auto& visit) const { visit("scale", scale); }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (dy (N, out), W (out, in) [, dx (N, in)]) -> dx = scale * dy * W [+ dx, in place].
struct LinearGradInput {
    static constexpr std::string_view name = "linear_grad_input";
    double scale = 1.0;
    DType out_dtype = DType::bf16;
    bool operator==(const LinearGradInput&) const = default;
    void fields(const auto& visit) const {
        visit("scale", scale);
        visit("out_dtype", out_dtype);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// (x (N, in), dy (N, out)) -> dW (out, in) = scale * dy^T * x.
struct LinearGradWeight {
    static constexpr std::string_view name = "linear_grad_weight";
    double scale = 1.0;
    Accumulation accumulation = Accumulation::overwrite;
    bool operator==(const LinearGradWeight&) const = default;
    void fields(const auto& visit) const {
        visit("scale", scale);
        visit("accumulation", accumulation);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// dy (N, C) -> dbias (C): a fixed-order column sum.
struct BiasGrad {
    static constexpr std::string_view name = "bias_grad";
    Accumulation accumulation = Accumulation::overwrite;
    bool operator==(const BiasGrad&) const = default;
    void fields(const auto& visit) const { visit("accumulation", accumulation); }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
