#include <algorithm>
#include <bit>

#include "kernels/cuda_table.h"
#include "kernels/device/refuse.h"
#include "kernels/device/row_team.cuh"
#include "kernels/fake_quantize.h"

// A group is read once and kept in registers while the team that has it finds its reach: a few
// lanes of a warp for the groups of weights, a block for the row of a token. Whole rows come to
// shared memory ahead of their turn, as those of norms do.

namespace headroom {
namespace {

using namespace device;

constexpr int kThreads = 256;      ///< of a block whose warps take groups
constexpr int kWarpColumns = 256;  ///< that lanes keep one by one
constexpr int kPacks = 4;          ///< loads that a thread of a block keeps
constexpr int kReachOf = 2;        ///< values: above and below

/// Columns of one row that share a scale; empty past the last group.
struct Span {
    std::int64_t row = 0;
    int first = 0;
    int end = 0;
};

/// Where groups lie: `width` columns each, the last of a row what is left.
struct Spans {
    std::int64_t groups = 0;  ///< in all
    int width = 0;
    int columns = 0;
    std::int64_t a_row = 1;  ///< groups of a row
    Divisor by_row{};        ///< divides by a_row
    [[nodiscard]] __device__ __forceinline__ Span at(std::int64_t group) const {
        if (group >= groups) return {};
        if (a_row == 1) return {group, 0, columns};
        const auto first = static_cast<int>(by_row.remainder(group)) * width;
        return {by_row.quotient(group), first, min(first + width, columns)};
    }
};
Spans spans_of(std::int64_t rows, std::int64_t columns, std::int64_t width) {
    const std::int64_t a_row = divide_up(columns, width);
    return {rows * a_row, static_cast<int>(width), static_cast<int>(columns), a_row,
            Divisor(a_row)};
}

template <class T>
struct Source {
    Spans spans{};
    Rows<const T> x{};
    CodeRange range{};
    int slots = 0;  ///< that a team reads ahead
};

/// y = the number that x's code stands for
template <class T>
struct WriteNearest {
    Rows<T> to;
    template <int N>
    __device__ __forceinline__ void put(const GroupCodes& codes, std::int64_t row, int column,
                                        Floats<N> x) const {
#pragma unroll
        for (int i = 0; i < N; ++i) x[i] = codes.nearest(x[i]);
        store<N>(to.at(row, column), x);
    }
};

/// Clears the gradient of numbers whose code lies outside. They are few, so no other element of it
/// is read or written.
template <class Word>
struct ClearOutside {
    Rows<Word> to;
    template <int N>
    __device__ __forceinline__ void put(const GroupCodes& codes, std::int64_t row, int column,
                                        const Floats<N>& x) const {
        Word* const at = to.at(row, column);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            if (codes.outside(x[i])) at[i] = 0;
        }
    }
};

template <int N>
__device__ __forceinline__ void take(Reach& reach, const Floats<N>& x) {
#pragma unroll
    for (int i = 0; i < N; ++i) reach.take(x[i]);
}

/// Over runs of `lanes` neighbours, a power of two.
__device__ __forceinline__ Reach among(int lanes, Reach reach) {
    for (int apart = lanes / 2; apart > 0; apart /= 2) {
        reach.above = max(reach.above, __shfl_xor_sync(simt::kAllLanes, reach.above, apart));
        reach.below = max(reach.below, __shfl_xor_sync(simt::kAllLanes, reach.below, apart));
    }
    return reach;
}

/// Groups that are under way at a time, two where a thread has but one load of each.
template <int kPacks>
constexpr int kGroupsOf = kPacks == 1 ? 2 : 1;

/// A group for `lanes` threads of a warp, a power of two, of which each keeps kPacks loads.
template <class T, int N, int kPacks, class Out>
__global__ void __launch_bounds__(kThreads) by_lanes(Source<T> from, Out out, int lanes) {
    constexpr int kGroups = kGroupsOf<kPacks>;
    const int lane = lane_id();
    const std::int64_t step = std::int64_t{gridDim.x} * (kThreads / lanes);
    const std::int64_t warp = std::int64_t{blockIdx.x} * (kThreads / simt::kWarp) + warp_id();
    const int first = lane % lanes * N;
    // All lanes of a warp stay until its first group is past the end: they meet.
    for (std::int64_t group = warp * (simt::kWarp / lanes); group < from.spans.groups;
         group += kGroups * step) {
        Span at[kGroups];
        Vec<T, N> x[kGroups][kPacks];
#pragma unroll
        for (int g = 0; g < kGroups; ++g) {
            at[g] = from.spans.at(group + lane / lanes + g * step);
            each_pack<kPacks>({at[g].first + first, lanes * N, at[g].end}, [&](int i, int c) {
                x[g][i] = load_vec<N>(from.x.at(at[g].row, c));
            });
        }
#pragma unroll
        for (int g = 0; g < kGroups; ++g) {
            const Turn turn{at[g].first + first, lanes * N, at[g].end};
            Reach reach;
            each_pack<kPacks>(turn, [&](int i, int) { take(reach, floats_of(x[g][i])); });
            const GroupCodes codes = group_codes(from.range, among(lanes, reach));
            each_pack<kPacks>(turn, [&](int i, int c) {
                out.template put<N>(codes, at[g].row, c, floats_of(x[g][i]));
            });
        }
    }
}

using BlockReach = BlockReductions<std::int32_t, kReachOf, Maximum>;

__device__ __forceinline__ Reach among(BlockReach& block, const Reach& reach) {
    std::int32_t values[kReachOf] = {reach.above, reach.below};
    block.reduce(values);
    return {values[0], values[1]};
}

/// A group for a block, which reads it twice: one too long or too oddly aligned to be kept.
template <class T, int N, class Out>
__global__ void __launch_bounds__(kTeamThreads, kTeamBlocks) by_block(Source<T> from, Out out) {
    BlockReach block;
    for (std::int64_t group = blockIdx.x; group < from.spans.groups; group += gridDim.x) {
        const Span at = from.spans.at(group);
        const Turn turn{at.first + thread_rank() * N, thread_count() * N, at.end};
        const T* const x = from.x.at(at.row, 0);
        Reach reach;
        each_pack<0>(turn, [&](int, int c) { take(reach, load<N>(x + c)); });
        const GroupCodes codes = group_codes(from.range, among(block, reach));
        each_pack<0>(turn,
                     [&](int, int c) { out.template put<N>(codes, at.row, c, load<N>(x + c)); });
    }
}

/// A whole row for a block, read ahead and kept.
template <class T, int N, class Out>
__global__ void __launch_bounds__(kTeamThreads, kTeamBlocks)
    by_block_ahead(Source<T> from, Out out) {
    const Turn turn{thread_rank() * N, thread_count() * N, from.spans.width};
    Ahead<N, T> ahead(shared_memory<T>(), from.slots, 1, turn);
    const std::int64_t step = gridDim.x;
    const auto read = [&](std::int64_t row) {
        if (row < from.spans.groups) ahead.copy(0, from.x.at(row, 0));
        ahead.next();
    };
    for (int i = 0; i < from.slots; ++i) read(blockIdx.x + i * step);
    BlockReach block;
    for (std::int64_t row = blockIdx.x; row < from.spans.groups; row += step) {
        ahead.wait();
        const T* const x = ahead.operand(0);
        KeptRow<T, N, kPacks> kept(x);
        Reach reach;
        each_pack<kPacks>(turn, [&](int i, int c) {
            kept.keep(i, load_vec<N>(x + c));
            take(reach, kept.at(i, c));
        });
        read(row + from.slots * step);
        const GroupCodes codes = group_codes(from.range, among(block, reach));
        each_pack<kPacks>(turn,
                          [&](int i, int c) { out.template put<N>(codes, row, c, kept.at(i, c)); });
    }
}

template <int N, int kPacks, class T, class Out>
void launch_lanes(const Launch& launch, const Source<T>& from, const Out& out) {
    auto* kernel = by_lanes<T, N, kPacks, Out>;
    const std::int64_t packs = divide_up(from.spans.width, N);
    const auto lanes = static_cast<int>(
        std::bit_ceil(static_cast<unsigned>(std::min<std::int64_t>(packs, simt::kWarp))));
    static const int resident = resident_blocks(kernel, kThreads);
    const std::int64_t blocks = divide_up(from.spans.groups * lanes, kThreads * kGroupsOf<kPacks>);
    const auto grid = std::min(blocks, std::int64_t{resident} * processors());
    launch_kernel(kernel, {static_cast<unsigned>(grid)}, {kThreads}, 0, launch.stream, from, out,
                  lanes);
}

template <int N, class T, class Out>
void launch_blocks(const Launch& launch, Source<T> from, const Out& out) {
    const std::int64_t packs = divide_up(from.spans.width, N);
    const bool whole = from.spans.width == from.spans.columns;
    auto* kernel = by_block<T, N, Out>;
    TeamMemory memory{};
    if (N == kWide<T> && whole && packs <= kPacks * kTeamThreads) {
        memory.row = static_cast<std::size_t>(from.spans.width) * sizeof(T);
    }
    const TeamShape shape = team_shape(Team::block, packs, kPacks, memory);
    if constexpr (N == kWide<T>) {
        if (shape.slots > 0) kernel = by_block_ahead<T, N, Out>;
    }
    from.slots = shape.slots;
    launch_kernel(kernel, {shape.grid(from.spans.groups)}, shape.block, shape.shared_bytes,
                  launch.stream, from, out);
}

/// Groups that follow each other without a gap are rows of their own, so that none has to be found
/// by a division.
template <class T, class Out>
Source<T> source_of(const FakeQuantization& to, const TensorView& x, const TensorView& y,
                    Out& out) {
    const std::int64_t columns = x.columns();
    const std::int64_t width = to.group > 0 ? std::min(to.group, columns) : columns;
    Source<T> from{.x = rows_of<const T>(x), .range = code_range(to)};
    if (!x.contiguous() || !y.contiguous() || columns % width != 0) {
        from.spans = spans_of(x.rows(), columns, width);
        return from;
    }
    from.spans = spans_of(x.count() / width, width, width);
    from.x.stride = out.to.stride = width;
    return from;
}

/// `views`: what is read or written N columns at a time.
template <class T, class Out>
void launch_groups(const FakeQuantization& to, const Launch& launch, Out out,
                   std::initializer_list<const TensorView*> views) {
    const TensorView& x = launch.in[0];
    if (x.count() == 0) return;
    const auto from = source_of<T>(to, x, launch.out[0], out);
    const int width = from.spans.width;
    if (!rows_aligned(kWide<T>, views) || width % kWide<T> != 0) {
        if (width <= kWarpColumns) {
            return launch_lanes<1, kWarpColumns / simt::kWarp>(launch, from, out);
        }
        return launch_blocks<1>(launch, from, out);
    }
    const int packs = width / kWide<T>;
    if (packs <= simt::kWarp) return launch_lanes<kWide<T>, 1>(launch, from, out);
    if (packs <= kShortRow) return launch_lanes<kWide<T>, 2>(launch, from, out);
    launch_blocks<kWide<T>>(launch, from, out);
}

void fake_quantize_cuda(const FakeQuantize& op, const Launch& launch) {
    const TensorView& y = launch.out[0];
    with_float(launch.in[0].dtype, [&]<class T>(T) {
        launch_groups<T>(op.to, launch, WriteNearest<T>{rows_of<T>(y)}, {&launch.in[0], &y});
    });
}

template <class T, class Word>
void clear_outside(const FakeQuantizeGrad& op, const Launch& launch) {
    launch_groups<T>(op.to, launch, ClearOutside<Word>{rows_of<Word>(launch.out[0])},
                     {&launch.in[0]});
}

void fake_quantize_grad_cuda(const FakeQuantizeGrad& op, const Launch& launch) {
    with_float(launch.in[0].dtype, [&]<class T>(T) {
        if (bits(launch.out[0].dtype) == 32) return clear_outside<T, std::uint32_t>(op, launch);
        clear_outside<T, std::uint16_t>(op, launch);
    });
}

}  // namespace

void add_fake_quantize_cuda_rows(KernelTable& table) {
    set_row<fake_quantize_cuda>(table, refuse_f64);
    set_row<fake_quantize_grad_cuda>(table, refuse_f64);
}

}  // namespace headroom
