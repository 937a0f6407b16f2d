#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// Latent attention's keys and values: (kv (N, heads * (nope + v)), k_rope (N, rope)) ->
/// (k (N, heads * (nope + rope)), v (N, heads * v)); k_rope is shared by the heads.
struct LatentKv {
    static constexpr std::string_view name = "latent_kv";
    std::int64_t nope = 0;
    std::int64_t v_dim = 0;
    bool operator==(const LatentKv&) const = default;
    void fields(const auto& visit) const {
        visit("nope", nope);
        visit("v_dim", v_dim);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (dk, dv) -> (dkv, dk_rope (N, rope), summed over heads).
struct LatentKvGrad {
    static constexpr std::string_view name = "latent_kv_grad";
    std::int64_t nope = 0;
    std::int64_t rope = 0;
    std::int64_t v_dim = 0;
    bool operator==(const LatentKvGrad&) const = default;
    void fields(const auto& visit) const {
        visit("nope", nope);
        visit("rope", rope);
        visit("v_dim", v_dim);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
