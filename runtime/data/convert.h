#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "planner/base/dtype.h"

namespace headroom {

/// The name that safetensors files have for a dtype: "BF16". Packed 4-bit codes are bytes there.
std::string_view stored_name(DType dtype);
/// The dtype of a stored name, if we have it.
std::optional<DType> dtype_stored_as(std::string_view name);
/// Whether `dtype` is one that `convert` reads and writes.
bool is_converted(DType dtype);

/// Writes the numbers of `from` into `to`, as many: f64, f32, bf16 and f16, each to each, rounded
/// to nearest even. The bytes need no alignment.
void convert(std::span<const std::byte> from, DType from_dtype, std::span<std::byte> to,
             DType to_dtype);

}  // namespace headroom
