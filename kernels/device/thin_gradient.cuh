#pragma once

// The gradient of an adapter's matrix: one of d's extents is the rank, the other that of a wide
// matrix (x or dy) with a row a token, which is read once and is all that takes time:
//   d (columns, rank) = alpha * wide^T * thin [+ d], or its transpose (rank, columns).
//
// A warp has a strip of 64 columns and goes down the tokens, 16 at a time; they are on their way to
// shared memory some steps before. Columns are rows of mma's tiles. As in low_rank.cuh a lane's
// columns and tokens are neighbours in memory; with g = lane / 4 and t = lane % 4 they are
//   of wide   tokens 4t to 4t + 3, columns 8g to 8g + 7: column 8g + 2i + h is row 8h + g of tile i
//   of thin   the same tokens, ranks kTiles * g on: rank kTiles * g + n is column g of tile n
// Blocks take tokens in turns; what they sum is then added up in their order.

#include "kernels/device/column_sum.cuh"
#include "kernels/device/low_rank.cuh"

namespace headroom::device {

inline constexpr int kThinBeside = 2;  ///< warps of a block on strips beside each other
inline constexpr int kThinBelow = 4;   ///< on tokens of the same strip
inline constexpr int kThinTokens = 16;
inline constexpr int kMostThin = 32;       ///< ranks
inline constexpr int kThinSteps = 8;       ///< of a warp, at least: its sums are written out, too
inline constexpr int kThinPitch = 16 + 1;  ///< of the sums of a column: 16 ranks at a time

/// Which of d's extents comes first.
enum class ThinOrder : std::uint8_t { columns_first, rank_first };

template <class T>
struct ThinGradient {
    Rows<const T> wide{};
    Rows<const T> thin{};
    ThinOrder order = ThinOrder::columns_first;
    Shares shares{};  ///< of d, without anything between its rows
    int tokens = 0;
    int columns = 0;
    int rank = 0;
    float alpha = 1.0F;
};

/// Two of the four halves of two words.
__device__ __forceinline__ std::uint32_t halves_of(std::uint32_t low, std::uint32_t high,
                                                   int which) {
    return which == 0 ? (low & 0xFFFFU) | high << 16 : low >> 16 | (high & 0xFFFF0000U);
}

inline constexpr int kLaneTokens = 4;
using ThinAhead = LaneAhead<kLaneTokens, 3, kStripThreads>;

/// Starts to read the strip's 16 tokens from `first` on, of which there may be none.
template <class T>
__device__ __forceinline__ void start_tokens(ThinAhead& ahead, const ThinGradient<T>& of,
                                             int column, int first) {
    if (first < of.tokens) {
#pragma unroll
        for (int k = 0; k < kLaneTokens; ++k) {
            const int token = first + lane_id() % 4 * kLaneTokens + k;
            ahead.copy(k, of.wide.at(token, column), token < of.tokens && column < of.columns);
        }
    }
    ahead.next();
}

/// kTiles neighbouring ranks of four tokens, or zeros.
template <int kTiles>
struct ThinWords {
    std::uint32_t word[kLaneTokens][kTiles / 2];
    template <class T>
    __device__ __forceinline__ void load(const ThinGradient<T>& of, int first) {
        const int rank = lane_id() / 4 * kTiles;
#pragma unroll
        for (int k = 0; k < kLaneTokens; ++k) {
            const int token = first + lane_id() % 4 * kLaneTokens + k;
#pragma unroll
            for (auto& part : word[k]) part = 0;
            if (token < of.tokens && rank < of.rank) {
                load_chunk<kTiles * sizeof(T)>(word[k], of.thin.at(token, rank));
            }
        }
    }
    /// Words of mma's B operand.
    [[nodiscard]] __device__ __forceinline__ std::uint32_t operand(int tile, int half) const {
        return halves_of(word[2 * half][tile / 2], word[2 * half + 1][tile / 2], tile % 2);
    }
};

/// sums[n][i] += of tiles n of the ranks and i of the columns, over 16 tokens.
template <class T, int kTiles>
__device__ __forceinline__ void multiply_tokens(float (&sums)[kTiles][4][4], const ThinAhead& ahead,
                                                const ThinWords<kTiles>& thin) {
    std::uint32_t wide[kLaneTokens][4];
#pragma unroll
    for (int k = 0; k < kLaneTokens; ++k) load_chunk<16>(wide[k], ahead.at(k));
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const std::uint32_t left[4] = {
            halves_of(wide[0][i], wide[1][i], 0), halves_of(wide[0][i], wide[1][i], 1),
            halves_of(wide[2][i], wide[3][i], 0), halves_of(wide[2][i], wide[3][i], 1)};
#pragma unroll
        for (int n = 0; n < kTiles; ++n) {
            multiply_add<T>(sums[n][i], left, thin.operand(n, 0), thin.operand(n, 1));
        }
    }
}

/// A warp's sums of two tiles of ranks, as (64 columns, 16): pairs of ranks, kTiles apart.
__device__ __forceinline__ void put_sums(float* to, const float (&first)[4][4],
                                         const float (&second)[4][4]) {
    float* const column = to + lane_id() / 4 * 8 * kThinPitch;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int c = 0; c < 4; ++c) {
            float* const at =
                column + (2 * i + c / 2) * kThinPitch + 2 * (lane_id() % 4 * 2 + c % 2);
            at[0] = first[i][c];
            at[1] = second[i][c];
        }
    }
}

/// Adds up the sums of the warps below each other, in order, and writes the block's share of d.
/// `tile`: the first of the two that they are of.
template <int kTiles, class T>
__device__ __forceinline__ void put_share(const ThinGradient<T>& of, const float* part, int tile) {
    constexpr int kColumns = kThinBeside * kStripColumns;
    constexpr int kWarpSums = kStripColumns * kThinPitch;
    const bool by_columns = of.order == ThinOrder::columns_first;
    float* const share = of.shares.data + std::int64_t{blockIdx.y} * of.shares.stride;
    for (int i = thread_rank(); i < kColumns * 16; i += kStripThreads) {
        const int c = by_columns ? i / 16 : i % kColumns;  // neighbours write beside each other
        const int r = by_columns ? i % 16 : i / kColumns;
        const int column = static_cast<int>(blockIdx.x) * kColumns + c;
        const int rank = r / 2 * kTiles + tile + r % 2;
        if (column >= of.columns || rank >= of.rank) continue;
        const float* at = part + c / kStripColumns * kWarpSums + c % kStripColumns * kThinPitch + r;
        float sum = at[0];
        for (int w = 1; w < kThinBelow; ++w) sum += at[w * kThinBeside * kWarpSums];
        const std::int64_t place = by_columns ? std::int64_t{column} * of.rank + rank
                                              : std::int64_t{rank} * of.columns + column;
        share[place] = of.alpha * sum;
    }
}

/// Blocks of (32 * kThinBeside, kThinBelow) threads.
template <class T, int kTiles>
__global__ void __launch_bounds__(kStripThreads, 2) thin_gradient(ThinGradient<T> of) {
    constexpr int kWarpSums = kStripColumns * kThinPitch;
    __shared__ typename ThinAhead::Ring ring;
    static_assert(sizeof(ring) >= kStripWarps * kWarpSums * sizeof(float));
    const int strip = static_cast<int>(blockIdx.x) * kThinBeside + warp_id();
    const int column = strip * kStripColumns + lane_id() / 4 * 8;
    const int end = strip * kStripColumns < of.columns ? of.tokens : 0;
    const int step = static_cast<int>(gridDim.y) * kThinBelow * kThinTokens;
    int token = static_cast<int>(blockIdx.y * kThinBelow + threadIdx.y) * kThinTokens;
    ThinAhead ahead(ring, thread_rank());
    for (int i = 0; i < ThinAhead::kSteps; ++i) start_tokens(ahead, of, column, token + i * step);
    ThinWords<kTiles> thin;
    thin.load(of, token);
    float sums[kTiles][4][4]{};
    for (; token < end; token += step) {
        ahead.wait();
        multiply_tokens<T>(sums, ahead, thin);
        thin.load(of, token + step);
        start_tokens(ahead, of, column, token + ThinAhead::kSteps * step);
    }
    ahead.finish();
    auto* const part = reinterpret_cast<float*>(ring.data());
    const int warp = static_cast<int>(threadIdx.y) * kThinBeside + warp_id();
#pragma unroll
    for (int tile = 0; tile < kTiles; tile += 2) {
        __syncthreads();
        put_sums(part + warp * kWarpSums, sums[tile], sums[tile + 1]);
        __syncthreads();
        put_share<kTiles>(of, part, tile);
    }
}

/// d = the shares, added up in order [+ d].
template <class D>
struct SumShares {
    Shares shares{};
    std::int64_t columns = 0;
    Rows<D> d{};
    bool add = false;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        const float* at = shares.data + row * columns + column;
        auto sum = load<N>(at);
#pragma unroll 4
        for (int i = 1; i < static_cast<int>(shares.count); ++i) {
            add_floats(sum, load<N>(at += shares.stride));
        }
        if (add) add_floats(sum, load<N>(d.at(row, column)));
        store<N>(d.at(row, column), sum);
    }
};

// ---- On the host ----

/// The factor that is wide, and the other.
struct ThinFactors {
    Matrix wide{};
    Matrix thin{};
    ThinOrder order = ThinOrder::columns_first;
};
inline ThinFactors thin_factors(const Gemm& gemm) {
    if (gemm.d.rows < gemm.d.columns) return {gemm.b, gemm.a, ThinOrder::rank_first};
    return {gemm.a, gemm.b, ThinOrder::columns_first};
}

/// Whether the kernel takes this product, which a matrix library takes otherwise.
inline bool is_thin_gradient(const Gemm& gemm, const Launch& launch) {
    if (!has_own_dtypes(gemm) || gemm.a_stored != Stored::transposed) return false;
    if (gemm.b_stored != Stored::plain) return false;
    const auto [wide, thin, order] = thin_factors(gemm);
    const int ranks = thin.columns <= 16 ? 2 : 4;  // that are read at once
    if (thin.columns == 0 || thin.columns > kMostThin || thin.columns % ranks != 0) return false;
    if (wide.columns < 4 * thin.columns || wide.columns < kStripColumns) return false;
    constexpr std::int64_t kMost = std::int64_t{1} << 30;
    if (wide.rows == 0 || wide.rows > kMost || wide.columns > kMost) return false;
    const auto share = static_cast<std::int64_t>(sizeof(float)) * gemm.d.rows * gemm.d.columns;
    return launch.workspace.data != nullptr && bytes(launch.workspace).count() >= share &&
           wide.columns % kLaneColumns == 0 && reads_at_once(wide, kLaneColumns) &&
           reads_at_once(thin, ranks);
}

template <class D>
void launch_sum(const Gemm& gemm, const Shares& shares, const Launch& launch) {
    const SumShares<D> body{.shares = shares,
                            .columns = gemm.d.columns,
                            .d = {reinterpret_cast<D*>(gemm.d.data), gemm.d.stride},
                            .add = gemm.beta != 0.0};
    const Columns all{gemm.d.rows, 0, gemm.d.columns};
    constexpr int kWidth = 4;
    if (gemm.d.columns % kWidth == 0 && shares.stride % kWidth == 0 &&
        reads_at_once(gemm.d, kWidth)) {
        launch_rows<kWidth>(launch, all, body);
    } else {
        launch_rows<1>(launch, all, body);
    }
}

/// The blocks' shares of d.
template <class T, int kTiles>
Shares launch_shares(const Gemm& gemm, const Launch& launch) {
    static const int resident = resident_blocks(thin_gradient<T, kTiles>, kStripThreads);
    const auto [wide, thin, order] = thin_factors(gemm);
    const std::int64_t strips = divide_up(wide.columns, kStripColumns);
    const std::int64_t across = divide_up(strips, kThinBeside);
    const std::int64_t pieces = divide_up(wide.rows, std::int64_t{kThinTokens} * kThinBelow);
    // No more blocks than run at once, and each as often as the others.
    const std::int64_t most = std::clamp<std::int64_t>(
        std::int64_t{resident} * processors() / across, 1, divide_up(pieces, kThinSteps));
    const std::int64_t wanted = divide_up(pieces, divide_up(pieces, most));
    const Shares shares = make_shares(launch, wanted, gemm.d.rows * gemm.d.columns);
    const ThinGradient<T> of{.wide = {reinterpret_cast<const T*>(wide.data), wide.stride},
                             .thin = {reinterpret_cast<const T*>(thin.data), thin.stride},
                             .order = order,
                             .shares = shares,
                             .tokens = static_cast<int>(wide.rows),
                             .columns = static_cast<int>(wide.columns),
                             .rank = static_cast<int>(thin.columns),
                             .alpha = static_cast<float>(gemm.alpha)};
    launch_kernel(thin_gradient<T, kTiles>,
                  {static_cast<unsigned>(across), static_cast<unsigned>(shares.count)},
                  {kThinBeside * simt::kWarp, kThinBelow}, 0, launch.stream, of);
    const std::int64_t executed =
        2 * divide_up(wide.rows, kThinTokens) * kThinTokens * strips * kStripColumns * kTiles * 8;
    count_product(launch, gemm.d.rows, gemm.d.columns, wide.rows);
    count_padding(launch, executed, 2 * gemm.d.rows * gemm.d.columns * wide.rows);
    return shares;
}

/// Launches a product for which is_thin_gradient() holds, and counts it.
inline void multiply_thin_gradient(const Gemm& gemm, const Launch& launch) {
    const bool few = thin_factors(gemm).thin.columns <= 16;
    const bool rank_first = thin_factors(gemm).order == ThinOrder::rank_first;
    const int ranks = few ? 16 : kMostThin;
    const TileShape tile =
        rank_first ? TileShape{kStripColumns, ranks} : TileShape{ranks, kStripColumns};
    static_cast<BlasLibrary*>(launch.library)
        ->note({.layout = layout_of(gemm, 0), .own = true, .tile = tile});
    with_own_dtypes(gemm, [&]<class T, class D>(T, D) {
        const Shares shares =
            few ? launch_shares<T, 2>(gemm, launch) : launch_shares<T, 4>(gemm, launch);
        launch_sum<D>(gemm, shares, launch);
    });
}

}  // namespace headroom::device
