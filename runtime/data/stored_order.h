#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "planner/spec/model_spec.h"
#include "runtime/data/weight_names.h"

namespace headroom {

/// The shape that a piece has in its file.
std::vector<std::int64_t> stored_shape(const WeightPiece& piece);

/// Copies a piece of elements of `width` bytes from the order of its file to ours.
void from_stored_order(const WeightPiece& piece, const AttentionSpec& attention, std::size_t width,
                       std::span<const std::byte> stored, std::span<std::byte> ours);
/// And back.
void to_stored_order(const WeightPiece& piece, const AttentionSpec& attention, std::size_t width,
                     std::span<const std::byte> ours, std::span<std::byte> stored);

}  // namespace headroom
