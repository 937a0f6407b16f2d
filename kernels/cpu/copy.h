#pragma once

#include "kernels/launch.h"

namespace headroom {

/// Copies `count` bytes with all threads.
void copy_bytes(const std::byte* from, std::int64_t count, std::byte* to);
/// to = from, row by row: the rows and columns of `from` repeat or are cut off to fill `to`.
void copy_rows(const TensorView& from, const TensorView& to);
/// to += from, of one dtype and shape; of two flat ones the first elements that both have.
void add_elements(const TensorView& from, const TensorView& to, const Launch& launch);

}  // namespace headroom
