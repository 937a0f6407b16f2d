#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// Blocks of 4-bit quantization: 64 weights a scale, 256 scales a second scale (QLoRA).
inline constexpr std::int64_t kNf4Block = 64;
inline constexpr std::int64_t kNf4SuperBlock = 256;

/// (codes (out, in) nf4, scales [, super scales, offset (1)]) -> W (out, in) in `to`, into a
/// temporary.
struct Dequantize {
    static constexpr std::string_view name = "dequantize";
    DType to = DType::bf16;
    bool operator==(const Dequantize&) const = default;
    void fields(const auto& visit) const { visit("to", to); }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// Codes that numbers are rounded to and brought back from, a scale for every `group` columns of a
/// row (the last group may be shorter; 0: the whole row). The lowest code is -2^(bits-1), the
/// highest 2^(bits-1) - 1. With least and greatest number of a group, in f32:
///   symmetric   scale = max(-least, greatest) / ((highest - lowest) / 2), zero point 0
///   asymmetric  0 is taken into the range; scale = (greatest - least) / (highest - lowest),
///               zero point = lowest - round(least / scale), brought into the range of codes
/// The scale is at least 2^-23; rounding is to the nearest, ties to even. As torchao has it.
struct FakeQuantization {
    std::int64_t bits = 8;
    std::int64_t group = 0;
    bool symmetric = true;
    bool operator==(const FakeQuantization&) const = default;
    void fields(const auto& visit) const {
        visit("bits", bits);
        visit("group", group);
        visit("symmetric", symmetric);
    }
};

/// x (..., columns) -> (code - zero point) * scale in x's dtype, into a temporary; code = x / scale
/// rounded + zero point, brought into the range of codes.
struct FakeQuantize {
    static constexpr std::string_view name = "fake_quantize";
    FakeQuantization to{};
    bool operator==(const FakeQuantize&) const = default;
    void fields(const auto& visit) const { visit("to", to); }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// The gradient goes straight through, but for numbers whose code was brought into the range: it
/// becomes zero there. (x, dy) -> dx, in place on dy; (W) -> dW, in place on W's own gradient, of
/// any float type.
struct FakeQuantizeGrad {
    static constexpr std::string_view name = "fake_quantize_grad";
    FakeQuantization to{};
    bool operator==(const FakeQuantizeGrad&) const = default;
    void fields(const auto& visit) const { visit("to", to); }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
