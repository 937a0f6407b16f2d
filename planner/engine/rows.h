#pragma once

#include "planner/engine/engine.h"

namespace headroom {

/// The rows of each framework, one file each, in planner/engine/rows.
std::span<const Engine> megatron_rows();
std::span<const Engine> fsdp_rows();
std::span<const Engine> hf_rows();
std::span<const Engine> deepspeed_rows();
std::span<const Engine> recipe_rows();
std::span<const Engine> native_rows();

/// 16-bit training without master weights: weight, gradient and both moments in 16 bits.
inline constexpr StateBytes kHalfStates{
    .weight = 2.0, .gradient = 2.0, .master = 0.0, .moments = 4.0};

}  // namespace headroom
