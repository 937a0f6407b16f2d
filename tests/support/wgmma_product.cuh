#pragma once

#include "kernels/device/panels.cuh"

// c (64, 128) = a * b by one warpgroup, both factors in shared memory in the way asked for. The
// same on a GPU and in the emulation.

namespace headroom::test {

inline constexpr int kProductRows = 64;
inline constexpr int kProductColumns = 128;
inline constexpr int kProductTerms = 48;
inline constexpr std::size_t kProductShared =
    device::kPanelSwizzle + std::size_t{4} * 64 * 128 * sizeof(std::uint16_t);

/// Element (row, column) of a matrix in panels of kRows rows.
template <int kRows, class T>
__device__ T& panel_element(T* panels, int row, int column) {
    const int chunk = column % 64 / 8 ^ row % 8;
    return panels[column / 64 * kRows * 64 + row * 64 + chunk * 8 + column % 8];
}

/// a (64, 48) and b (48, 128) row by row.
template <class T, device::Along along_a, device::Along along_b>
__device__ void multiply_panels(const T* a, const T* b, float* c) {
    using namespace device;
    constexpr int kRowsA = along_a == Along::sum ? kProductRows : kProductTerms;
    constexpr int kRowsB = along_b == Along::sum ? kProductColumns : kProductTerms;
    T* const a_panels = panel_memory<T>();
    T* const b_panels = a_panels + 64 * 128;
    const int thread = static_cast<int>(threadIdx.x);
    for (int i = thread; i < kProductRows * kProductTerms; i += kWarpgroup) {
        const int row = i / kProductTerms;
        const int k = i % kProductTerms;
        (along_a == Along::sum ? panel_element<kRowsA>(a_panels, row, k)
                               : panel_element<kRowsA>(a_panels, k, row)) = a[i];
    }
    for (int i = thread; i < kProductTerms * kProductColumns; i += kWarpgroup) {
        const int k = i / kProductColumns;
        const int column = i % kProductColumns;
        (along_b == Along::sum ? panel_element<kRowsB>(b_panels, column, k)
                               : panel_element<kRowsB>(b_panels, k, column)) = b[i];
    }
    show_to_products();
    __syncthreads();
    Products products;
    float sums[kProductColumns / 8][4];
    multiply<T, kProductTerms / 16>(products, sums, PanelFactor<kRowsA, along_a>(a_panels),
                                    PanelFactor<kRowsB, along_b>(b_panels));
    products.wait<0>();
    products.settle(sums);
    for (int i = 0; i < kProductColumns / 2; ++i) {
        const int row = warp_id() * 16 + lane_id() / 4 + i % 4 / 2 * 8;
        c[row * kProductColumns + i / 4 * 8 + lane_id() % 4 * 2 + i % 2] = sums[i / 4][i % 4];
    }
}

template <class T, device::Along along_a, device::Along along_b>
__global__ void multiply_panels_kernel(const T* a, const T* b, float* c) {
    if constexpr (device::kWgmma) multiply_panels<T, along_a, along_b>(a, b, c);
}

}  // namespace headroom::test
