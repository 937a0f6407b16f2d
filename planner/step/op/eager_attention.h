#pragma once

#include <cstdint>
#include <string_view>

#include "planner/step/op/attention.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// scores (B, H, Tq, Tk) = q * k^T / sqrt(D) [+ bias]; masked. q (B*Tq, H*D), k (B*Tk, K*D).
struct Scores {
    static constexpr std::string_view name = "scores";
    AttentionShape shape{};
    bool operator==(const Scores&) const = default;
    void fields(const auto& visit) const { visit("shape", shape); }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (q, k, dscores [, bias]) -> (dq, dk [, dbias]).
struct ScoresGrad {
    static constexpr std::string_view name = "scores_grad";
    AttentionShape shape{};
    Accumulation accumulation = Accumulation::overwrite;
    bool operator==(const ScoresGrad&) const = default;
    void fields(const auto& visit) const {
        visit("shape", shape);
        visit("accumulation", accumulation);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// Row softmax over the last axis, in place; [sinks (H)] join the denominator.
struct Softmax {
    static constexpr std::string_view name = "softmax";
    bool operator==(const Softmax&) const = default;
    void fields(const auto& /*visit*/) const {}

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (probabilities, dprobabilities [, sinks]) -> dscores over dprobabilities [, dsinks].
struct SoftmaxGrad {
    static constexpr std::string_view name = "softmax_grad";
    Accumulation accumulation = Accumulation::overwrite;
    bool operator==(const SoftmaxGrad&) const = default;
    void fields(const auto& visit) const { visit("accumulation", accumulation); }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// out (B*Tq, H*Dv) = probabilities (B, H, Tq, Tk) * v (B*Tk, K*Dv).
struct Context {
    static constexpr std::string_view name = "context";
    AttentionShape shape{};
    bool operator==(const Context&) const = default;
    void fields(const auto& visit) const { visit("shape", shape); }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (probabilities, v, dout) -> (dprobabilities, dv).
struct ContextGrad {
    static constexpr std::string_view name = "context_grad";
    AttentionShape shape{};
    bool operator==(const ContextGrad&) const = default;
    void fields(const auto& visit) const { visit("shape", shape); }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
