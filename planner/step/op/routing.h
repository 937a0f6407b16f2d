#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// Router: logits (T, E) f32 -> (probabilities (T, E) f32, weights (T, k) f32, experts (T, k) i32,
/// lse (T) f32). Also adds aux * load-balance loss and z * mean(lse^2) to the step's loss.
struct TopK {
    static constexpr std::string_view name = "top_k";
    std::int64_t k = 1;
    ScoreKind score = ScoreKind::softmax;
    bool normalize = true;  ///< weights are divided by their sum
    double scale = 1.0;     ///< then multiplied by it
    double aux = 0.0;
    double z = 0.0;
    bool operator==(const TopK&) const = default;
    void fields(const auto& visit) const {
        visit("k", k);
        visit("score", score);
        visit("normalize", normalize);
        visit("scale", scale);
        visit("aux", aux);
        visit("z", z);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (probabilities, weights, experts, lse, dweights) -> dlogits (T, E) f32 over probabilities.
struct TopKGrad {
    static constexpr std::string_view name = "top_k_grad";
    ScoreKind score = ScoreKind::softmax;
    bool normalize = true;
    double scale = 1.0;
    double aux = 0.0;
    double z = 0.0;
    bool operator==(const TopKGrad&) const = default;
    void fields(const auto& visit) const {
        visit("score", score);
        visit("normalize", normalize);
        visit("scale", scale);
        visit("aux", aux);
        visit("z", z);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// (x (T, C), experts (T, k), weights (T, k) f32) -> (rows sorted by expert (M, C), routing weight
/// of each row (M) f32, token copy of each row (M) i32, counts (E) i32). M = T * k, or experts *
/// slots when `slots` > 0 (capacity; the rest is dropped).
struct Permute {
    static constexpr std::string_view name = "permute";
    std::int64_t experts = 1;
    std::int64_t slots = 0;
    bool operator==(const Permute&) const = default;
    void fields(const auto& visit) const {
        visit("experts", experts);
        visit("slots", slots);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (drows (M, C), dweights of rows (M) f32, map (M)) -> (dx (T, C), dweights (T, k) f32): the k
/// copies of a token are summed in a fixed order.
struct PermuteGrad {
    static constexpr std::string_view name = "permute_grad";
    std::int64_t tokens = 0;
    std::int64_t k = 1;
    bool operator==(const PermuteGrad&) const = default;
    void fields(const auto& visit) const {
        visit("tokens", tokens);
        visit("k", k);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// (rows (M, C), map (M)) -> y (T, C): sums the already weighted copies of each token.
struct Unpermute {
    static constexpr std::string_view name = "unpermute";
    std::int64_t tokens = 0;
    bool operator==(const Unpermute&) const = default;
    void fields(const auto& visit) const { visit("tokens", tokens); }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (dy (T, C), map (M)) -> drows (M, C).
struct UnpermuteGrad {
    static constexpr std::string_view name = "unpermute_grad";
    bool operator==(const UnpermuteGrad&) const = default;
    void fields(const auto& /*visit*/) const {}
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
