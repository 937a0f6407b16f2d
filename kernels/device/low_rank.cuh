#pragma once

// d (m, n) = alpha * a (m, k) * b (k, n) [+ d] of 16-bit factors, where k is the rank of an
// adapter: so few terms a sum that d's way through memory is all that takes time.
//
// A warp has a strip of 64 columns of d, keeps its part of b in registers and goes down the rows,
// eight at a time; what it adds to is on its way to shared memory some steps before. Columns of d
// are rows of mma's tiles (mma's A is b^T, its B is a^T), because then eight lanes have 128
// neighbouring bytes of a row of d. Which of the tiles' rows is which column is free, and so is
// which of their terms is which: a lane's are neighbours in memory. A lane has, with g = lane / 4
// and t = lane % 4,
//   of d   rows 2t and 2t + 1, from column g * kWidth on, in pieces of kWidth (16 bytes) that lie
//          8 * kWidth columns apart; piece and column in it count through row 8h + g of tile i:
//          the lane's column 2i + h
//   of a   of row g, and of b of each of its columns: terms 16s + 4t to 16s + 4t + 3 of step s

#include "kernels/device/blas.h"
#include "kernels/device/lane_ahead.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/rows.cuh"

namespace headroom::device {

inline constexpr int kMostTerms = 64;     ///< of a sum
inline constexpr int kStripColumns = 64;  ///< of a warp
inline constexpr int kStripRows = 8;      ///< that it takes at a time
inline constexpr int kStripWarps = 8;     ///< of a block
inline constexpr int kStripThreads = kStripWarps * simt::kWarp;
inline constexpr int kLaneColumns = 8;
inline constexpr int kLaneTerms = 4;  ///< of a step of 16: 8 bytes

template <class T, class D>
struct LowRankProduct {
    Rows<const T> a{};
    Rows<const T> b{};
    Stored b_stored = Stored::plain;
    Rows<D> d{};
    int rows = 0;
    int columns = 0;
    int terms = 0;
    float alpha = 1.0F;
    bool add = false;  ///< to what stands in d
};

/// The place in d of a lane of the strip that starts at `column`.
template <class D>
struct StripSeat {
    static constexpr int kWidth = kWide<D>;
    static constexpr int kPieces = kLaneColumns / kWidth;  ///< of a row
    static constexpr int kChunks = 2 * kPieces;            ///< of two rows
    int row;  ///< the first of two, in the rows of a step
    int column;
    __device__ __forceinline__ explicit StripSeat(int first)
        : row(lane_id() % 4 * 2), column(first + lane_id() / 4 * kWidth) {}
    [[nodiscard]] __device__ __forceinline__ int column_of(int chunk) const {
        return column + chunk % kPieces * (8 * kWidth);
    }
    [[nodiscard]] __device__ __forceinline__ int row_of(int chunk) const {
        return row + chunk / kPieces;
    }
};

/// Words of mma's A operand: [step][tile] as multiply_add takes them.
template <int kSteps>
struct StripFactor {
    std::uint32_t word[kSteps][4][4];
};

template <class T>
__device__ __forceinline__ std::uint32_t pair_of(const T& low, const T& high) {
    std::uint16_t bits[2];
    std::memcpy(bits, &low, 2);
    std::memcpy(bits + 1, &high, 2);
    return bits[0] | static_cast<std::uint32_t>(bits[1]) << 16;
}

/// Four terms of a row, or zeros; nothing is done with them before they are multiplied.
template <class T>
__device__ __forceinline__ void load_terms(std::uint32_t (&word)[2], const T* from, bool there) {
    word[0] = word[1] = 0;
    if (there) load_chunk<kLaneTerms * sizeof(T)>(word, from);
}

/// b (n, k): terms lie side by side.
template <int kSteps, class T, class D>
__device__ __forceinline__ void load_transposed_strip(StripFactor<kSteps>& b,
                                                      const LowRankProduct<T, D>& of,
                                                      const StripSeat<D>& seat) {
    constexpr int kWidth = StripSeat<D>::kWidth;
#pragma unroll
    for (int p = 0; p < kLaneColumns; ++p) {
        const int column = seat.column_of(p / kWidth) + p % kWidth;
#pragma unroll
        for (int s = 0; s < kSteps; ++s) {
            const int term = 16 * s + lane_id() % 4 * kLaneTerms;
            std::uint32_t word[2];
            load_terms(word, of.b.at(column, term), column < of.columns && term < of.terms);
            b.word[s][p / 2][p % 2] = word[0];
            b.word[s][p / 2][2 + p % 2] = word[1];
        }
    }
}

/// b (k, n): columns lie side by side.
template <int kSteps, class T, class D>
__device__ __forceinline__ void load_plain_strip(StripFactor<kSteps>& b,
                                                 const LowRankProduct<T, D>& of,
                                                 const StripSeat<D>& seat) {
    constexpr int kWidth = StripSeat<D>::kWidth;
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
        const int term = 16 * s + lane_id() % 4 * kLaneTerms;
#pragma unroll
        for (int piece = 0; piece < StripSeat<D>::kPieces; ++piece) {
            const int column = seat.column_of(piece);
            Vec<T, kWidth> row[kLaneTerms]{};
            if (column < of.columns && term < of.terms) {
#pragma unroll
                for (int k = 0; k < kLaneTerms; ++k) {
                    row[k] = load_vec<kWidth>(of.b.at(term + k, column));
                }
            }
#pragma unroll
            for (int i = 0; i < kWidth; ++i) {
                const int p = piece * kWidth + i;
                auto& tile = b.word[s][p / 2];
                tile[p % 2] = pair_of(row[0][i], row[1][i]);
                tile[2 + p % 2] = pair_of(row[2][i], row[3][i]);
            }
        }
    }
}

template <int kSteps, class T, class D>
__device__ __forceinline__ void load_strip(StripFactor<kSteps>& b, const LowRankProduct<T, D>& of,
                                           const StripSeat<D>& seat) {
    if (of.b_stored == Stored::plain) {
        load_plain_strip(b, of, seat);
    } else {
        load_transposed_strip(b, of, seat);
    }
}

/// Words of mma's B operand for the eight rows of a that start at `first`.
template <int kSteps, class T, class D>
__device__ __forceinline__ void load_rows(std::uint32_t (&a)[kSteps][2],
                                          const LowRankProduct<T, D>& of, int first) {
    const int row = first + lane_id() / 4;
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
        const int term = 16 * s + lane_id() % 4 * kLaneTerms;
        load_terms(a[s], of.a.at(row, term), row < of.rows && term < of.terms);
    }
}

/// What stands in d in a strip's next rows.
template <class D>
using StripAhead = LaneAhead<StripSeat<D>::kChunks, sizeof(D) == 2 ? 4 : 2, kStripThreads>;

/// Starts to read the eight rows from `first` on, of which there may be none.
template <class T, class D>
__device__ __forceinline__ void start_rows(StripAhead<D>& ahead, const LowRankProduct<T, D>& of,
                                           const StripSeat<D>& seat, int first) {
    if (first < of.rows) {
#pragma unroll
        for (int c = 0; c < StripSeat<D>::kChunks; ++c) {
            const int row = first + seat.row_of(c);
            const int column = seat.column_of(c);
            ahead.copy(c, of.d.at(row, column), row < of.rows && column < of.columns);
        }
    }
    ahead.next();
}

/// Eight rows: d = alpha * sums + what stood there, rounded once.
template <class T, class D>
__device__ __forceinline__ void store_rows(const LowRankProduct<T, D>& of, const StripSeat<D>& seat,
                                           int first, const float (&sums)[4][4],
                                           const StripAhead<D>& ahead) {
    constexpr int kWidth = StripSeat<D>::kWidth;
    constexpr int kPieces = StripSeat<D>::kPieces;
#pragma unroll
    for (int c = 0; c < StripSeat<D>::kChunks; ++c) {
        Floats<kWidth> value{};
        if (of.add) value = load<kWidth>(reinterpret_cast<const D*>(ahead.at(c)));
#pragma unroll
        for (int i = 0; i < kWidth; ++i) {
            const int p = c % kPieces * kWidth + i;
            value[i] = fmaf(of.alpha, sums[p / 2][p % 2 * 2 + c / kPieces], value[i]);
        }
        const int row = first + seat.row_of(c);
        const int column = seat.column_of(c);
        if (row < of.rows && column < of.columns) store<kWidth>(of.d.at(row, column), value);
    }
}

/// Warps of a block lie beside each other (x), or below where d is narrow (y); blocks take rows in
/// turns (blockIdx.y).
template <class T, class D, int kSteps>
__global__ void __launch_bounds__(kStripThreads, kSteps == 1 ? 3 : 2)
    low_rank_product(LowRankProduct<T, D> of) {
    using Ahead = StripAhead<D>;
    __shared__ typename Ahead::Ring ring;
    const auto beside = static_cast<int>(blockDim.x) / simt::kWarp;
    const int strip = static_cast<int>(blockIdx.x) * beside + warp_id();
    if (strip * kStripColumns >= of.columns) return;
    const StripSeat<D> seat(strip * kStripColumns);
    const auto step = static_cast<int>(gridDim.y * blockDim.y) * kStripRows;
    int row = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y) * kStripRows;
    Ahead ahead(ring, thread_rank());
    if (of.add) {
        for (int i = 0; i < Ahead::kSteps; ++i) start_rows(ahead, of, seat, row + i * step);
    }
    StripFactor<kSteps> b;
    load_strip(b, of, seat);
    std::uint32_t a[kSteps][2];
    load_rows(a, of, row);
    for (; row < of.rows; row += step) {
        float sums[4][4]{};
#pragma unroll
        for (int i = 0; i < 4 * kSteps; ++i) {
            const int s = i / 4;
            multiply_add<T>(sums[i % 4], b.word[s][i % 4], a[s][0], a[s][1]);
        }
        load_rows(a, of, row + step);
        if (of.add) ahead.wait();
        store_rows(of, seat, row, sums, ahead);
        if (of.add) start_rows(ahead, of, seat, row + Ahead::kSteps * step);
    }
}

// ---- On the host ----

/// Whether rows of `elements` can be read at once.
inline bool reads_at_once(const Matrix& matrix, std::int64_t elements) {
    const std::int64_t bytes = bytes_of(elements, matrix.dtype);
    const auto address = reinterpret_cast<std::uintptr_t>(matrix.data);
    return address % static_cast<std::uintptr_t>(bytes) == 0 && matrix.stride % elements == 0;
}

/// What our kernels take: 16-bit factors, a result of their dtype or in f32, that may be added to.
inline bool has_own_dtypes(const Gemm& gemm) {
    const DType factor = gemm.a.dtype;
    const bool halves = factor == DType::bf16 || factor == DType::f16;
    return halves && gemm.b.dtype == factor &&
           (gemm.d.dtype == factor || gemm.d.dtype == DType::f32) && gemm.bias == nullptr &&
           (gemm.beta == 0.0 || gemm.beta == 1.0);
}

/// Calls visit(T{}, D{}) with the types of the factors and of the result.
template <class Visit>
void with_own_dtypes(const Gemm& gemm, const Visit& visit) {
    with_float(gemm.a.dtype, [&]<class T>(T) {
        if constexpr (sizeof(T) == 2) {
            with_float_or<T>(gemm.d.dtype, [&]<class D>(D) { visit(T{}, D{}); });
        }
    });
}

/// Whether the kernel takes this product, which a matrix library takes otherwise.
inline bool is_low_rank(const Gemm& gemm) {
    const Matrix& a = gemm.a;
    const Matrix& d = gemm.d;
    if (!has_own_dtypes(gemm) || gemm.a_stored != Stored::plain) return false;
    if (a.columns == 0 || a.columns > kMostTerms || a.columns % kLaneTerms != 0) return false;
    // d is all that takes time; smaller ones are no work for a warp.
    if (d.columns < std::max<std::int64_t>(kStripColumns, 4 * a.columns)) return false;
    constexpr std::int64_t kMost = std::int64_t{1} << 30;
    if (d.rows == 0 || d.rows > kMost || d.columns > kMost) return false;
    const std::int64_t width = d.dtype == DType::f32 ? kWide<float> : kWide<Bf16>;
    return d.columns % width == 0 && reads_at_once(d, width) && reads_at_once(a, kLaneTerms) &&
           reads_at_once(gemm.b, gemm.b_stored == Stored::plain ? width : kLaneTerms);
}

template <int kSteps, class T, class D>
void launch_low_rank(const LowRankProduct<T, D>& of, const Launch& launch) {
    static const int resident = resident_blocks(low_rank_product<T, D, kSteps>, kStripThreads);
    const std::int64_t strips = divide_up(of.columns, kStripColumns);
    const auto beside =
        std::min<unsigned>(std::bit_ceil(static_cast<unsigned>(strips)), kStripWarps);
    const unsigned below = kStripWarps / beside;
    const std::int64_t across = divide_up(strips, beside);
    const std::int64_t pieces = divide_up(of.rows, std::int64_t{kStripRows} * below);
    // No more blocks than run at once, and each as often as the others.
    const std::int64_t most =
        std::max<std::int64_t>(std::int64_t{resident} * processors() / across, 1);
    const std::int64_t down = divide_up(pieces, divide_up(pieces, most));
    launch_kernel(low_rank_product<T, D, kSteps>,
                  {static_cast<unsigned>(across), static_cast<unsigned>(down)},
                  {beside * simt::kWarp, below}, 0, launch.stream, of);
    const std::int64_t executed =
        2 * divide_up(of.rows, kStripRows) * kStripRows * strips * kStripColumns * kSteps * 16;
    count_product(launch, of.rows, of.columns, of.terms);
    count_padding(launch, executed, std::int64_t{2} * of.rows * of.columns * of.terms);
}

template <class T, class D>
void launch_low_rank(const Gemm& gemm, const Launch& launch) {
    const LowRankProduct<T, D> of{.a = {reinterpret_cast<const T*>(gemm.a.data), gemm.a.stride},
                                  .b = {reinterpret_cast<const T*>(gemm.b.data), gemm.b.stride},
                                  .b_stored = gemm.b_stored,
                                  .d = {reinterpret_cast<D*>(gemm.d.data), gemm.d.stride},
                                  .rows = static_cast<int>(gemm.d.rows),
                                  .columns = static_cast<int>(gemm.d.columns),
                                  .terms = static_cast<int>(gemm.a.columns),
                                  .alpha = static_cast<float>(gemm.alpha),
                                  .add = gemm.beta != 0.0};
    if (of.terms <= 16) return launch_low_rank<1>(of, launch);
    if (of.terms <= 32) return launch_low_rank<2>(of, launch);
    launch_low_rank<4>(of, launch);
}

/// Launches a product for which is_low_rank() holds, and counts it.
inline void multiply_low_rank(const Gemm& gemm, const Launch& launch) {
    static_cast<BlasLibrary*>(launch.library)
        ->note({.layout = layout_of(gemm, 0), .own = true, .tile = {kStripColumns, kStripRows}});
    with_own_dtypes(gemm, [&]<class T, class D>(T, D) { launch_low_rank<T, D>(gemm, launch); });
}

}  // namespace headroom::device
