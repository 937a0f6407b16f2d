#pragma once

#include <cstdint>
#include <vector>

namespace headroom::test {

/// c (64, 128) of bf16 a (64, 48) and b (48, 128), row by row, by one warpgroup of the GPU.
/// `columns_of_a`, `columns_of_b`: the factor lies in shared memory with its other index along the
/// rows, not that of the sum.
std::vector<float> wgmma_product(const std::vector<std::uint16_t>& a,
                                 const std::vector<std::uint16_t>& b, bool columns_of_a,
                                 bool columns_of_b);

}  // namespace headroom::test
