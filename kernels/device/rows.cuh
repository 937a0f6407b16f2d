#pragma once

// Elementwise work on matrices whose rows may lie apart: N neighbouring elements a thread.

#include <algorithm>
#include <bit>

#include "kernels/device/divisor.h"
#include "kernels/device/vec.cuh"

namespace headroom::device {

inline constexpr int kRowThreads = 256;

/// A matrix of T whose rows lie `stride` elements apart.
template <class T>
struct Rows {
    T* data = nullptr;
    std::int64_t stride = 0;
    __device__ __forceinline__ T* at(std::int64_t row, std::int64_t column) const {
        return data + row * stride + column;
    }
};
template <class T>
Rows<T> rows_of(const TensorView& view) {
    return {view.as<T>(), view.stride};
}

inline std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Blocks that keep the device busy: a few a multiprocessor, which takes turns while some wait for
/// memory; and blocks for `work` pieces, no more than that.
inline std::int64_t most_blocks() { return std::int64_t{8} * processors(); }
inline unsigned grid_for(std::int64_t work) {
    return static_cast<unsigned>(std::clamp<std::int64_t>(work, 1, most_blocks()));
}

/// Part of a matrix: all rows, columns from `first` to `end`.
struct Columns {
    std::int64_t rows = 0;
    std::int64_t first = 0;
    std::int64_t end = 0;
};

/// Calls body.run<N>(row, column) for every N columns of every row. Threads lie along a row; narrow
/// rows share a block (y), long ones are cut into pieces (blockIdx.y).
template <int N, class Body>
__global__ void __launch_bounds__(kRowThreads) each_row(Columns part, Body body) {
    const std::int64_t step = std::int64_t{gridDim.x} * blockDim.y;
    const std::int64_t begin =
        part.first + (std::int64_t{blockIdx.y} * blockDim.x + threadIdx.x) * N;
    const std::int64_t stride = std::int64_t{gridDim.y} * blockDim.x * N;
    for (std::int64_t row = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y; row < part.rows;
         row += step) {
        for (std::int64_t column = begin; column < part.end; column += stride) {
            body.template run<N>(row, column);
        }
    }
}

template <int N, class Body>
void launch_rows(const Launch& launch, const Columns& part, const Body& body) {
    const std::int64_t packs = divide_up(part.end - part.first, N);
    if (part.rows <= 0 || packs <= 0) return;
    // No more blocks than run at once: those of a second wave would have the device for themselves.
    static const int resident = resident_blocks(each_row<N, Body>, kRowThreads);
    const std::int64_t most = std::int64_t{resident} * processors();
    const auto whole = static_cast<unsigned>(std::min<std::int64_t>(packs, kRowThreads));
    const unsigned x = std::bit_ceil(whole);
    const unsigned y = kRowThreads / x;
    const auto down = static_cast<unsigned>(std::min(divide_up(part.rows, y), most));
    const auto across = static_cast<unsigned>(std::min(divide_up(packs, x), divide_up(most, down)));
    launch_kernel(each_row<N, Body>, {down, across}, {x, y}, 0, launch.stream, part, body);
}

/// Runs `body` over matrices of one shape, 16 bytes of T at a time where all views allow it.
template <class T, class Body>
void for_each(const Launch& launch, std::initializer_list<const TensorView*> views,
              const Body& body) {
    const TensorView& first = **views.begin();
    const bool flat =
        std::all_of(views.begin(), views.end(), [](const auto* v) { return v->contiguous(); });
    if (!flat) {
        const Columns all{first.rows(), 0, first.columns()};
        with_width<T>(views, [&](auto n) { launch_rows<n.value>(launch, all, body); });
        return;
    }
    // Nothing lies between the rows: one long row, whose last elements are done one by one.
    const std::int64_t count = first.count();
    const std::int64_t wide = starts_aligned(kWide<T>, views) ? count / kWide<T> * kWide<T> : 0;
    launch_rows<kWide<T>>(launch, {1, 0, wide}, body);
    launch_rows<1>(launch, {1, wide, count}, body);
}

/// to = from
template <class T>
struct CopyElements {
    Rows<const T> from;
    Rows<T> to;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        store_vec<N>(to.at(row, column), load_vec<N>(from.at(row, column)));
    }
};

}  // namespace headroom::device
