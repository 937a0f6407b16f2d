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

}  // namespace headroom
