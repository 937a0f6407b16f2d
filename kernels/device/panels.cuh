#pragma once

// Matrices of 16-bit elements in shared memory as products of a warpgroup read them: panels of 64
// columns, one after the other, whose rows are 128 bytes and swizzled (wgmma.cuh).

#include "kernels/device/attention_tile.cuh"
#include "kernels/device/wgmma.cuh"

namespace headroom::device {

/// Bytes of a panel, and of all panels, of a matrix.
template <int kRows>
inline constexpr int kPanelBytes = kRows* kPanelRow;
template <int kRows, int kColumns>
inline constexpr int kPanelsBytes = kPanelBytes<kRows>* kColumns / 64;

/// The first place of the launch's dynamic shared memory where panels may start; it may have
/// skipped kPanelSwizzle bytes.
template <class T>
__device__ __forceinline__ T* panel_memory() {
    T* const start = shared_memory<T>();
#if defined(__CUDACC__)
    const auto at = static_cast<std::uint32_t>(__cvta_generic_to_shared(start));
#else
    const auto at = reinterpret_cast<std::uintptr_t>(start);
#endif
    return start + (kPanelSwizzle - at % kPanelSwizzle) % kPanelSwizzle / sizeof(T);
}

/// A factor of kRows rows in panels, step by step of a sum's 16 terms. `panels`: where its first
/// row (a multiple of 8) begins in its first panel.
template <int kRows, Along along>
struct PanelFactor {
    Factor first;
    template <class T>
    __device__ __forceinline__ explicit PanelFactor(const T* panels)
        : first(SharedAddress(panels), along == Along::sum ? 16 : kPanelBytes<kRows>) {}
    __device__ __forceinline__ Factor step(int i) const {
        return along == Along::sum ? first.plus(i / 4 * kPanelBytes<kRows> + i % 4 * 32)
                                   : first.plus(i * 16 * kPanelRow);
    }
};

/// c (+)= a * b over kSteps of 16 terms.
template <class T, int kSteps, int kTiles, int kRowsA, Along along_a, int kRowsB, Along along_b>
__device__ __forceinline__ void multiply(Products& products, float (&c)[kTiles][4],
                                         const PanelFactor<kRowsA, along_a>& a,
                                         const PanelFactor<kRowsB, along_b>& b) {
    products.begin();
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
        products.template multiply<T, along_a, along_b>(c, a.step(i), b.step(i), i > 0);
    }
    products.commit();
}

/// c += a * b with a in registers.
template <class T, int kSteps, int kTiles, int kRowsB, Along along_b>
__device__ __forceinline__ void multiply_add(Products& products, float (&c)[kTiles][4],
                                             const FragmentsOfA<1, kSteps>& a,
                                             const PanelFactor<kRowsB, along_b>& b) {
    products.begin();
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
        products.template multiply<T, along_b>(c, a.word[0][i], b.step(i));
    }
    products.commit();
}

/// Starts the copy of kRows rows into panels; what is beyond the rows and columns of `from` becomes
/// zeros.
template <int kThreads, int kRows, int kColumns, class T>
__device__ __forceinline__ void load_panels(AsyncCopies& copies, T* panels,
                                            const HeadRows<const T>& from) {
    using Copy = TileCopy<kThreads, kColumns>;
    static_assert(Copy::kLanes == Copy::kChunks && Copy::kRowStep % 8 == 0);
    static_assert(kRows % Copy::kRowStep == 0);
    const int thread = recomputed(threadIdx.x);
    const int first_row = thread / Copy::kLanes;
    const int chunk = thread % Copy::kLanes;
    const std::int64_t stride = recomputed(from.stride);
    const SharedAddress target(reinterpret_cast<unsigned char*>(panels) +
                               chunk / 8 * kPanelBytes<kRows> + first_row * kPanelRow +
                               (chunk % 8 ^ first_row % 8) * 16);
#pragma unroll
    for (int pass = 0; pass < kRows / Copy::kRowStep; ++pass) {
        const int row = first_row + pass * Copy::kRowStep;
        const bool there = row < from.rows && chunk * 8 < from.columns;
        copies.copy16(target.plus(pass * Copy::kRowStep * kPanelRow),
                      from.at + row * stride + chunk * 8, there);
    }
}

/// Writes a warp's 16 rows, times a factor, to panels from row `row` (a multiple of 16) on.
template <int kRows, class T, int kTiles>
__device__ __forceinline__ void put_sums(T* panels, int row, const float (&c)[kTiles][4],
                                         float factor) {
    const int g = lane_id() / 4;
    unsigned char* const lane_row =
        reinterpret_cast<unsigned char*>(panels) + (row + g) * kPanelRow + lane_id() % 4 * 4;
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
        unsigned char* const at = lane_row + n / 8 * kPanelBytes<kRows> + (n % 8 ^ g) * 16;
        *reinterpret_cast<std::uint32_t*>(at) = pack<T>(c[n][0] * factor, c[n][1] * factor);
        *reinterpret_cast<std::uint32_t*>(at + 8 * kPanelRow) =
            pack<T>(c[n][2] * factor, c[n][3] * factor);
    }
}

/// The same of packed results.
template <int kRows, class T, int kSteps>
__device__ __forceinline__ void put_packed(T* panels, int row,
                                           const FragmentsOfA<1, kSteps>& packed) {
    const int lane = recomputed(lane_id());
    const int g = lane / 4;
    unsigned char* const lane_row =
        reinterpret_cast<unsigned char*>(panels) + (row + g) * kPanelRow + lane % 4 * 4;
#pragma unroll
    for (int n = 0; n < 2 * kSteps; ++n) {
        unsigned char* const at = lane_row + n / 8 * kPanelBytes<kRows> + (n % 8 ^ g) * 16;
        *reinterpret_cast<std::uint32_t*>(at) = packed.word[0][n / 2][n % 2 * 2];
        *reinterpret_cast<std::uint32_t*>(at + 8 * kPanelRow) =
            packed.word[0][n / 2][n % 2 * 2 + 1];
    }
}

/// Writes `kCount` rows of panels, from row `first` on, to global memory. The threads of one warp
/// or of the whole block.
template <int kThreads, int kRows, int kCount, int kColumns, class T>
__device__ __forceinline__ void store_panels(const T* panels, int first, const HeadRows<T>& to,
                                             int thread) {
    using Copy = TileCopy<kThreads, kColumns>;
    static_assert(Copy::kLanes == Copy::kChunks);
    const int chunk = thread % Copy::kLanes;
    if (chunk * 8 >= to.columns) return;
    for (int row = thread / Copy::kLanes; row < kCount && row < to.rows; row += Copy::kRowStep) {
        const unsigned char* const at = reinterpret_cast<const unsigned char*>(panels) +
                                        chunk / 8 * kPanelBytes<kRows> + (first + row) * kPanelRow +
                                        (chunk % 8 ^ (first + row) % 8) * 16;
        store_chunk<16>(to.at + row * to.stride + chunk * 8, at);
    }
}

}  // namespace headroom::device
