#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// y (N, C) = norm(x) * (gain_offset + gamma) [+ beta]. With `residual`, inputs (x, r, gamma [,
/// beta]) and outputs (sum = branch_scale * x + r, y, stats ...); without, inputs (x, gamma [,
/// beta]) and outputs (y, stats ...). stats: rstd (N) and, for layer norm, mean (N), both f32, kept
/// for backward. With `group` > 0 every run of `group` columns is normalised on its own (q and k
/// heads).
struct Norm {
    static constexpr std::string_view name = "norm";
    NormKind kind = NormKind::rms;
    double eps = 1e-6;
    bool residual = false;
    double branch_scale = 1.0;
    bool bias = false;
    double gain_offset = 0.0;  ///< 1 where the file stores gamma - 1 (gemma)
    std::int64_t group = 0;
    /// Ranks that a row is spread over (one norm over all heads): its sum of squares, 4 bytes a
    /// row, crosses the tensor group inside the op.
    std::int64_t shards = 1;
    bool operator==(const Norm&) const = default;
    void fields(const auto& visit) const {
        visit("kind", kind);
        visit("eps", eps);
        visit("residual", residual);
        visit("branch_scale", branch_scale);
        visit("bias", bias);
        visit("gain_offset", gain_offset);
        visit("group", group);
        visit("shards", shards);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (dy, x, gamma, stats ... [, dsum]) -> (dx, dgamma partials [, dgamma, dbeta]). dx is written
/// over dsum (the gradient that reaches the residual stream from above, added here), else over dy
/// if nothing else reads that.
struct NormGrad {
    static constexpr std::string_view name = "norm_grad";
    NormKind kind = NormKind::rms;
    bool bias = false;
    bool with_sum = false;
    bool in_place = true;
    bool parameters = true;  ///< false: gamma is frozen
    double branch_scale = 1.0;
    double gain_offset = 0.0;
    std::int64_t group = 0;
    Accumulation accumulation = Accumulation::overwrite;
    bool operator==(const NormGrad&) const = default;
    void fields(const auto& visit) const {
        visit("kind", kind);
        visit("bias", bias);
        visit("with_sum", with_sum);
        visit("in_place", in_place);
        visit("parameters", parameters);
        visit("branch_scale", branch_scale);
        visit("gain_offset", gain_offset);
        visit("group", group);
        visit("accumulation", accumulation);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// Rows of per-block partial sums that the gamma gradient is reduced from, in a fixed order.
inline constexpr std::int64_t kNormPartials = 64;

}  // namespace headroom
