#include "kernels/cuda_table.h"
#include "kernels/device/any_vector.cuh"
#include "kernels/device/refuse.h"
#include "kernels/device/stable_sort.cuh"
#include "planner/step/op/embedding.h"

// Tokens are sorted by id; those of one id are then a run, in token order. Blocks take chunks of
// the sorted tokens: a run inside a chunk is summed and written there, one that crosses chunks
// leaves a partial sum in each, and a second kernel adds these up in order.

namespace headroom {
namespace {

using namespace device;

constexpr int kThreads = 128;
constexpr std::int64_t kChunk = 64;  ///< tokens, at least
constexpr int kTile = 64;            ///< tokens whose places a block looks up at once

template <class T>
struct EmbeddingSums {
    const std::int32_t* ids = nullptr;
    const std::int32_t* order = nullptr;
    int tokens = 0;
    int chunk = 0;
    Rows<const T> dy{};
    AnyVector table{};
    std::int64_t stride = 0;  ///< of the table
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    /// (chunks, columns): of the run that began before a chunk, and of the one that goes on after.
    float* heads = nullptr;
    float* tails = nullptr;
    float scale = 1.0F;
    bool add = false;

    /// Of a place in the order; -1 at both ends and for ids outside the table.
    [[nodiscard]] __device__ __forceinline__ std::int32_t id(int place) const {
        if (place < 0 || place >= tokens) return -1;
        const std::int32_t id = ids[order[place]];
        return id < rows ? id : -1;
    }
    template <int N>
    __device__ __forceinline__ void write(std::int32_t id, std::int64_t column,
                                          Floats<N> sum) const {
        const std::int64_t at = id * stride + column;
        Floats<N> before;
#pragma unroll
        for (int i = 0; i < N; ++i) before[i] = 0.0F;
        if (add) before = table.template get<N>(at);
#pragma unroll
        for (int i = 0; i < N; ++i) sum[i] = fmaf(scale, sum[i], before[i]);
        table.template set<N>(at, sum);
    }
};

/// The sums of N columns over the runs of a chunk.
template <class T, int N>
struct ChunkSums {
    const EmbeddingSums<T>& of;
    std::int64_t column;
    std::int64_t own;   ///< where its heads and tails lie
    bool began_before;  ///< the run that it is at
    Floats<N> sum{};

    /// Takes one token's row; `ends`: its run does, `last`: the chunk does.
    __device__ __forceinline__ void take(const Floats<N>& dy, std::int32_t id, bool ends,
                                         bool last) {
#pragma unroll
        for (int i = 0; i < N; ++i) sum[i] += dy[i];
        if (!ends && !last) return;
        if (began_before) {
            store<N>(of.heads + own, sum);
        } else if (ends) {
            of.template write<N>(id, column, sum);
        } else {
            store<N>(of.tails + own, sum);
        }
        began_before = false;
#pragma unroll
        for (int i = 0; i < N; ++i) sum[i] = 0.0F;
    }
};

/// A block a chunk (x) and a piece of the columns (y). What is read of a token hangs on two other
/// reads, so the block does these for a tile at once, and threads read some rows at a time.
template <class T, int N>
__global__ void __launch_bounds__(kThreads) sum_chunks(EmbeddingSums<T> of) {
    __shared__ SharedArray<std::int32_t, kTile + 1> ids;
    __shared__ SharedArray<std::int32_t, kTile> tokens;
    constexpr int kRowsAhead = N == 1 ? 2 : 4;
    const int first = static_cast<int>(blockIdx.x) * of.chunk;
    const int end = min(of.tokens, first + of.chunk);
    const std::int64_t c = (std::int64_t{blockIdx.y} * kThreads + threadIdx.x) * N;
    const bool continued = of.id(first) >= 0 && of.id(first - 1) == of.id(first);
    ChunkSums<T, N> sums{of, c, std::int64_t{blockIdx.x} * of.columns + c, continued};
    for (int tile = first; tile < end; tile += kTile) {
        const int count = min(kTile, end - tile);
        __syncthreads();  // the tile before has been read
        for (int i = static_cast<int>(threadIdx.x); i <= count; i += kThreads) {
            ids[i] = of.id(tile + i);
            if (i < count) tokens[i] = of.order[tile + i];
        }
        __syncthreads();
        if (c >= of.columns) continue;
#pragma unroll 1
        for (int i = 0; i < count; i += kRowsAhead) {
            Floats<N> dy[kRowsAhead];
#pragma unroll
            for (int r = 0; r < kRowsAhead; ++r) {
                dy[r] = load<N>(of.dy.at(tokens[min(i + r, count - 1)], c));
            }
#pragma unroll
            for (int r = 0; r < kRowsAhead; ++r) {
                const int at = i + r;
                if (at >= count || ids[at] < 0) continue;
                sums.take(dy[r], ids[at], ids[at + 1] != ids[at], tile + at + 1 == end);
            }
        }
    }
}

/// A block a chunk in which a run begins that goes on after it.
template <class T, int N>
__global__ void __launch_bounds__(kThreads) join_chunks(EmbeddingSums<T> of) {
    const int first = static_cast<int>(blockIdx.x) * of.chunk;
    const int end = first + of.chunk;
    const std::int64_t c = (std::int64_t{blockIdx.y} * kThreads + threadIdx.x) * N;
    const std::int32_t id = of.id(end - 1);
    if (c >= of.columns || id < 0 || of.id(end) != id) return;
    if (of.id(first) == id && of.id(first - 1) == id) return;  // it began before
    auto sum = load<N>(of.tails + blockIdx.x * of.columns + c);
    for (int next = static_cast<int>(blockIdx.x) + 1; of.id(next * of.chunk) == id; ++next) {
        const auto part = load<N>(of.heads + next * of.columns + c);
#pragma unroll
        for (int i = 0; i < N; ++i) sum[i] += part[i];
    }
    of.template write<N>(id, c, sum);
}

/// Chunks as short as the workspace has room for two rows of sums of each.
template <class T>
void take_chunks(Slices& slices, EmbeddingSums<T>& of) {
    const std::int64_t wanted = divide_up(of.tokens, kChunk);
    const std::int64_t row = 2 * of.columns * static_cast<std::int64_t>(sizeof(float));
    const std::int64_t chunks = slices.parts(row, static_cast<int>(wanted));
    of.chunk = static_cast<int>(divide_up(of.tokens, chunks));
    float* const sums = slices.take<float>(2 * chunks * of.columns);
    of.heads = sums;
    of.tails = sums + chunks * of.columns;
}

template <class T, int N>
void launch_sums(const Launch& launch, const EmbeddingSums<T>& of) {
    const Extent3 grid{static_cast<unsigned>(divide_up(of.tokens, of.chunk)),
                       static_cast<unsigned>(divide_up(of.columns, kThreads * N))};
    launch_kernel(sum_chunks<T, N>, grid, {kThreads}, 0, launch.stream, of);
    launch_kernel(join_chunks<T, N>, grid, {kThreads}, 0, launch.stream, of);
}

void embedding_grad_cuda(const EmbeddingGrad& op, const Launch& launch) {
    const TensorView& ids = launch.in[0];
    const TensorView& dy = launch.in[1];
    const TensorView& table = launch.out[0];
    const bool add = adds(op.accumulation, launch);
    if (!add) {
        fill_bytes(launch.stream, table.data, 0, static_cast<std::size_t>(bytes(table).count()));
    }
    if (dy.count() == 0) return;
    Slices slices(launch);
    const auto* const keys = ids.as<const std::int32_t>();
    const Sorted sorted = stable_sort(launch, slices, keys, ids.count(), table.rows());
    with_float(dy.dtype, [&]<class T>(T) {
        EmbeddingSums<T> of{.ids = keys,
                            .order = sorted.order,
                            .tokens = static_cast<int>(ids.count()),
                            .dy = rows_of<const T>(dy),
                            .table = any_vector(table),
                            .stride = table.stride,
                            .rows = table.rows(),
                            .columns = table.columns(),
                            .scale = static_cast<float>(op.scale),
                            .add = add};
        take_chunks(slices, of);
        with_width<T>({&dy, &table},
                      [&](auto n) { launch_sums<T, decltype(n)::value>(launch, of); });
    });
}

}  // namespace

void add_embedding_grad_cuda_rows(KernelTable& table) {
    set_row<embedding_grad_cuda>(table, refuse_f64);
}

}  // namespace headroom
