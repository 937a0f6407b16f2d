#pragma once

// Positions in the order of their keys, equal keys in the order of their positions, by counting:
// the same result however the threads run. Warps count the digits of a tile each, one block adds
// the counts up, and the warps then walk their tiles in order.

#include "kernels/cpu/slices.h"
#include "kernels/device/rows.cuh"

namespace headroom::device {

inline constexpr int kDigitBits = 10;  ///< at most, of a pass
inline constexpr int kSortWarps = 4;   ///< of a block, each with counters of its own
inline constexpr int kScanThreads = 1024;

/// One pass: `order` (null: 0, 1, 2 ...) sorted by some bits of the keys.
struct SortPass {
    const std::int32_t* keys = nullptr;
    std::int64_t limit = 0;  ///< keys outside [0, limit) count as `limit`
    const std::int32_t* order = nullptr;
    std::int32_t* sorted = nullptr;
    std::int32_t* starts = nullptr;  ///< (digits, tiles): counts, then first places
    int count = 0;
    int tile = 0;
    int tiles = 0;
    int shift = 0;
    int digits = 0;

    [[nodiscard]] __device__ __forceinline__ int position(int i) const {
        return order == nullptr ? i : order[i];
    }
    [[nodiscard]] __device__ __forceinline__ int key(int position) const {
        const std::int32_t key = keys[position];
        return key < 0 || key >= limit ? static_cast<int>(limit) : key;
    }
    [[nodiscard]] __device__ __forceinline__ int digit(int position) const {
        return (key(position) >> shift) & (digits - 1);
    }
};

/// The tile of a warp, and its counters in shared memory.
struct SortSeat {
    int lane;
    int tile;
    std::int32_t* counters;
    __device__ __forceinline__ explicit SortSeat(const SortPass& pass)
        : lane(static_cast<int>(threadIdx.x) % simt::kWarp),
          tile(static_cast<int>(blockIdx.x * kSortWarps + threadIdx.x / simt::kWarp)),
          counters(shared_memory<std::int32_t>() +
                   static_cast<int>(threadIdx.x) / simt::kWarp * pass.digits) {}
};

template <class Pass>
__global__ void __launch_bounds__(kSortWarps* simt::kWarp) count_digits(Pass pass) {
    const SortSeat seat(pass);
    if (seat.tile >= pass.tiles) return;
    for (int d = seat.lane; d < pass.digits; d += simt::kWarp) seat.counters[d] = 0;
    __syncwarp();
    const int end = min(pass.count, (seat.tile + 1) * pass.tile);
    for (int i = seat.tile * pass.tile + seat.lane; i < end; i += simt::kWarp) {
        atomicAdd(seat.counters + pass.digit(pass.position(i)), 1);
    }
    __syncwarp();
    for (int d = seat.lane; d < pass.digits; d += simt::kWarp) {
        pass.starts[d * pass.tiles + seat.tile] = seat.counters[d];
    }
}

/// Each of `count` values becomes the sum of those before it; one block, a run of values a thread.
template <class T>
__global__ void __launch_bounds__(kScanThreads) exclusive_scan(T* values, int count) {
    __shared__ SharedArray<T, simt::kWarp> part;
    const int thread = static_cast<int>(threadIdx.x);
    const int lane = thread % simt::kWarp;
    const int run = (count + kScanThreads - 1) / kScanThreads;
    const int first = min(count, thread * run);
    const int end = min(count, first + run);
    T own = 0;
    for (int i = first; i < end; ++i) own += values[i];
    T before = own;  // of the warp, this thread included
    for (int lanes = 1; lanes < simt::kWarp; lanes *= 2) {
        const T other = __shfl_up_sync(simt::kAllLanes, before, lanes);
        if (lane >= lanes) before += other;
    }
    if (lane == simt::kWarp - 1) part[thread / simt::kWarp] = before;
    __syncthreads();
    for (int warp = 0; warp < thread / simt::kWarp; ++warp) before += part[warp];
    before -= own;
    for (int i = first; i < end; ++i) {
        const T value = values[i];
        values[i] = before;
        before += value;
    }
}

template <class Pass>
__global__ void __launch_bounds__(kSortWarps* simt::kWarp) place_digits(Pass pass) {
    const SortSeat seat(pass);
    if (seat.tile >= pass.tiles) return;
    for (int d = seat.lane; d < pass.digits; d += simt::kWarp) {
        seat.counters[d] = pass.starts[d * pass.tiles + seat.tile];
    }
    __syncwarp();
    const int end = min(pass.count, (seat.tile + 1) * pass.tile);
    for (int first = seat.tile * pass.tile; first < end; first += simt::kWarp) {
        const int i = first + seat.lane;
        const int position = i < end ? pass.position(i) : 0;
        const int digit = i < end ? pass.digit(position) : -1;
        const unsigned alike = __match_any_sync(simt::kAllLanes, digit);
        const int rank = __popc(alike & ((1U << seat.lane) - 1U));
        const std::int32_t place = digit < 0 ? 0 : seat.counters[digit] + rank;
        __syncwarp();  // everyone has read the counter before its first lane moves it on
        if (digit >= 0) {
            if (rank == 0) seat.counters[digit] += __popc(alike);
            pass.sorted[place] = position;
        }
        __syncwarp();
    }
}

/// What a sort leaves: the order, and where each digit of the last pass starts (digits, tiles).
struct Sorted {
    const std::int32_t* order = nullptr;
    const std::int32_t* starts = nullptr;
    int tiles = 0;
};

/// Tiles so long that the counters of all stay few, and so many that they keep the device busy.
inline int tile_length(std::int64_t count) {
    constexpr std::int64_t kShortest = 256;
    constexpr std::int64_t kTiles = 128;
    return static_cast<int>(std::max(kShortest, divide_up(divide_up(count, kTiles), 32) * 32));
}

/// Sorts `count` keys in [0, limit]; arrays come from `slices`.
inline Sorted stable_sort(const Launch& launch, Slices& slices, const std::int32_t* keys,
                          std::int64_t count, std::int64_t limit) {
    const auto bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(limit)));
    const int passes = std::max(1, (bits + kDigitBits - 1) / kDigitBits);
    const int width = std::max(1, (bits + passes - 1) / passes);
    SortPass pass{.keys = keys, .limit = limit, .count = static_cast<int>(count)};
    pass.tile = tile_length(count);
    pass.tiles = static_cast<int>(divide_up(count, pass.tile));
    pass.digits = 1 << width;
    pass.starts = slices.take<std::int32_t>(std::int64_t{pass.digits} * pass.tiles);
    std::int32_t* const orders[2] = {slices.take<std::int32_t>(count),
                                     passes > 1 ? slices.take<std::int32_t>(count) : nullptr};
    const auto blocks = static_cast<unsigned>(divide_up(pass.tiles, kSortWarps));
    const std::size_t shared =
        sizeof(std::int32_t) * kSortWarps * static_cast<std::size_t>(pass.digits);
    for (int p = 0; p < passes; ++p) {
        pass.shift = p * width;
        pass.sorted = orders[p % 2];
        launch_kernel(count_digits<SortPass>, {blocks}, {kSortWarps * simt::kWarp}, shared,
                      launch.stream, pass);
        launch_kernel(exclusive_scan<std::int32_t>, {1}, {kScanThreads}, 0, launch.stream,
                      pass.starts, pass.digits * pass.tiles);
        launch_kernel(place_digits<SortPass>, {blocks}, {kSortWarps * simt::kWarp}, shared,
                      launch.stream, pass);
        pass.order = pass.sorted;
    }
    return {pass.sorted, pass.starts, pass.tiles};
}

}  // namespace headroom::device
