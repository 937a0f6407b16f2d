#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// Rotates q (N, heads * head_dim) and k (N, kv_heads * head_dim) in place; angles are computed, no
/// table. The backward pass is the same op with `inverse`.
struct Rope {
    static constexpr std::string_view name = "rope";
    std::int64_t head_dim = 0;
    std::int64_t rotary = 0;  ///< first or last dims of a head that turn
    bool tail = false;        ///< the last `rotary` dims turn (latent attention)
    double theta = 10000.0;
    RopeScalingKind scaling = RopeScalingKind::none;  ///< this and the next six as in RopeScaling
    double factor = 1.0;
    double low = 1.0;
    double high = 4.0;
    double attention = 1.0;
    std::int64_t original = 0;
    bool truncate = true;
    bool interleaved = false;   ///< pairs (2i, 2i + 1) turn; else (i, i + rotary / 2)
    std::int64_t sequence = 0;  ///< tokens of one sequence on this rank
    bool inverse = false;
    bool operator==(const Rope&) const = default;
    void fields(const auto& visit) const {
        visit("head_dim", head_dim);
        visit("rotary", rotary);
        visit("tail", tail);
        visit("theta", theta);
        visit("scaling", scaling);
        visit("factor", factor);
        visit("low", low);
        visit("high", high);
        visit("attention", attention);
        visit("original", original);
        visit("truncate", truncate);
        visit("interleaved", interleaved);
        visit("sequence", sequence);
        visit("inverse", inverse);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

}  // namespace headroom
