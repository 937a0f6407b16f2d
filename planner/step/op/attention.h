#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// Score geometry shared by the fused and the eager attention.
struct AttentionShape {
    std::int64_t batch = 1;
    std::int64_t head_dim = 0;  ///< of q and k
    std::int64_t value_dim = 0;
    bool causal = true;
    std::int64_t window = 0;  ///< 0: none
    double softcap = 0.0;
    bool alibi = false;
    double scale = 0.0;  ///< on q * k; 0: 1 / sqrt(head_dim)
    bool operator==(const AttentionShape&) const = default;
    void fields(const auto& visit) const {
        visit("batch", batch);
        visit("head_dim", head_dim);
        visit("value_dim", value_dim);
        visit("causal", causal);
        visit("window", window);
        visit("softcap", softcap);
        visit("alibi", alibi);
        visit("scale", scale);
    }
};

/// Query-key pairs that one sequence's mask keeps, summed over its queries: q * k / 2 when causal
/// (the field's convention), less beyond a window.
double attended_pairs(const AttentionShape& shape, std::int64_t queries, std::int64_t keys);
/// Pairs that a kernel which skips masked ones computes, exactly. A context rank's causal queries
/// are the n-th block from the start and the n-th from the end of the keys, so every rank has as
/// many (with a window: as the first one, whose they are).
double computed_pairs(const AttentionShape& shape, std::int64_t queries, std::int64_t keys);

/// Fused attention: (q (B*Tq, H*D), k (B*Tk, K*D), v (B*Tk, K*Dv) [, bias (buckets, H)] [, sinks
/// (H)])
/// -> out (B*Tq, H*Dv), lse (B*Tq, H) f32. Scores are never stored.
struct Attention {
    static constexpr std::string_view name = "attention";
    AttentionShape shape{};
    bool relative_bias = false;
    bool sinks = false;
    bool operator==(const Attention&) const = default;
    void fields(const auto& visit) const {
        visit("shape", shape);
        visit("relative_bias", relative_bias);
        visit("sinks", sinks);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (q, k, v, out, lse, dout [, bias][, sinks]) -> (dq, dk, dv, delta (N, H) f32, dq sums (N, H*D)
/// f32
/// [, dbias][, dsinks]); the two f32 tensors are scratch.
struct AttentionGrad {
    static constexpr std::string_view name = "attention_grad";
    AttentionShape shape{};
    bool relative_bias = false;
    bool sinks = false;
    Accumulation accumulation = Accumulation::overwrite;
    bool operator==(const AttentionGrad&) const = default;
    void fields(const auto& visit) const {
        visit("shape", shape);
        visit("relative_bias", relative_bias);
        visit("sinks", sinks);
        visit("accumulation", accumulation);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
