#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "planner/spec/optimizer_kind.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// Sum of squares of a gradient unit and whether it holds an infinity or NaN, added to (2) f32:
/// (gradient, sums) -> sums. The first unit of a step overwrites. The sums cross the ranks that
/// hold other parts of the model.
struct GradNorm {
    static constexpr std::string_view name = "grad_norm";
    Place place = Place::device;  ///< where the gradient lies and the pass runs
    Accumulation accumulation = Accumulation::add;
    bool operator==(const GradNorm&) const = default;
    void fields(const auto& visit) const {
        visit("place", place);
        visit("accumulation", accumulation);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// Clears the gradient of pruned weights: (gradient (n), mask (ceil(n / 8)) u8) -> gradient, in
/// place. Bit i % 8 of byte i / 8 says whether element i is kept. A weight that is 0 and gets no
/// gradient stays 0 under every optimizer.
struct MaskGradient {
    static constexpr std::string_view name = "mask_gradient";
    Place place = Place::device;  ///< where the gradient lies and the pass runs
    bool operator==(const MaskGradient&) const = default;
    void fields(const auto& visit) const { visit("place", place); }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// One fused optimizer pass over a unit, everything in place: (weights, gradient, sums [, master]
/// [, state ...]) -> (weights [, master][, state ...]). Unscales, clips and, for fp16, skips the
/// step on overflow.
struct Update {
    static constexpr std::string_view name = "update";
    OptimizerKind optimizer = OptimizerKind::adamw;
    std::int64_t decayed = 0;     ///< leading elements that weight decay applies to
    Place place = Place::device;  ///< where the pass runs
    bool loss_scaling = false;
    bool operator==(const Update&) const = default;
    void fields(const auto& visit) const {
        visit("optimizer", optimizer);
        visit("decayed", decayed);
        visit("place", place);
        visit("loss_scaling", loss_scaling);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// One state tensor of an optimizer: how many elements it keeps for a unit, and in which dtype.
struct StateSpec {
    std::string_view part{};
    std::int64_t elements = 0;
    DType dtype = DType::f32;
};

/// Blocks of the 8-bit optimizer's scales.
inline constexpr std::int64_t kAdam8Block = 256;

/// The states an optimizer keeps for `elements` parameters; `factored` is the sum over its matrices
/// of rows + columns, plus its vectors' elements (Adafactor's second moment).
std::vector<StateSpec> optimizer_states(OptimizerKind kind, std::int64_t elements,
                                        std::int64_t factored);

}  // namespace headroom
