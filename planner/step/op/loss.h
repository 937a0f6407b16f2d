#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// (logits (N, V), targets (N) i32) -> (loss (N) f32, lse (N) f32).
struct CrossEntropy {
    static constexpr std::string_view name = "cross_entropy";
    bool in_place = true;  ///< the gradient is written over the logits
    double scale = 1.0;    ///< on the logits
    double softcap = 0.0;
    std::int64_t shards = 1;  ///< vocabulary shards; max and sum cross the tensor group
    bool operator==(const CrossEntropy&) const = default;
    void fields(const auto& visit) const {
        visit("in_place", in_place);
        visit("scale", scale);
        visit("softcap", softcap);
        visit("shards", shards);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (logits, targets, lse) -> dlogits, over the logits when `in_place`.
struct CrossEntropyGrad {
    static constexpr std::string_view name = "cross_entropy_grad";
    bool in_place = true;
    double scale = 1.0;
    double softcap = 0.0;
    bool operator==(const CrossEntropyGrad&) const = default;
    void fields(const auto& visit) const {
        visit("in_place", in_place);
        visit("scale", scale);
        visit("softcap", softcap);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// What a teacher adds to a loss (Hinton et al. 2015, arXiv:1503.02531, section 2). With p and q
/// the softmax of the teacher's and of the student's logits over the temperature T, a token loses
/// (1 - weight) * cross-entropy + weight * T^2 * KL(p || q).
struct Distillation {
    bool on = false;
    double temperature = 1.0;
    double weight = 0.0;
    double scale = 1.0;  ///< on the teacher's logits
    double softcap = 0.0;
    bool operator==(const Distillation&) const = default;
};

/// Head, cross-entropy and both gradients of the head, a chunk of tokens at a time:
/// (x (N, C), W (V, C), targets (N)) -> (loss (N) f32, dx (N, C), logits chunk [, dW]).
/// The gradient with respect to x is complete when the op ends, so nothing of size V is kept.
/// With a teacher, its x (N, D) and W (V, D) follow the targets and a chunk of its logits the
/// student's; neither gets a gradient.
struct HeadLoss {
    static constexpr std::string_view name = "head_loss";
    std::int64_t chunk = 4096;  ///< tokens
    double scale = 1.0;
    double softcap = 0.0;
    bool input_gradient = true;
    bool weight_gradient = false;  ///< the tape sets it where W is trained
    std::int64_t shards = 1;
    Accumulation accumulation = Accumulation::overwrite;
    Distillation teacher{};
    bool operator==(const HeadLoss&) const = default;
    void fields(const auto& visit) const {
        visit("chunk", chunk);
        visit("scale", scale);
        visit("softcap", softcap);
        visit("input_gradient", input_gradient);
        visit("weight_gradient", weight_gradient);
        visit("shards", shards);
        visit("accumulation", accumulation);
        if (!teacher.on) return;
        visit("temperature", teacher.temperature);
        visit("weight", teacher.weight);
        visit("teacher_scale", teacher.scale);
        visit("teacher_softcap", teacher.softcap);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

}  // namespace headroom
