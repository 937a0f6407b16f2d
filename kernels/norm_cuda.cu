#include "kernels/cuda_table.h"
#include "kernels/device/refuse.h"
#include "kernels/device/row_team.cuh"
#include "planner/step/op/norm.h"

// What a thread reads of a row comes to shared memory ahead of the row's turn and to registers for
// both passes, so it waits for others in the sums alone.

namespace headroom {
namespace {

using namespace device;

/// Loads of a row that a thread keeps: the more, the fewer threads meet at a barrier.
constexpr int kPacks = 4;
template <Team team>
constexpr int kPacksOf = team == Team::warp ? kShortRow / simt::kWarp : kPacks;

template <class T, class P>
struct NormArguments {
    Groups groups{};
    Rows<const T> x{};
    Rows<const T> residual{};  ///< no data: none
    Rows<T> sum{};
    Rows<T> y{};
    const P* gamma = nullptr;
    const P* beta = nullptr;  ///< null: none
    float* rstd = nullptr;
    float* mean = nullptr;  ///< null: rms
    float eps = 0.0F;
    float branch_scale = 1.0F;
    float gain_offset = 0.0F;
    int slots = 0;  ///< that a team reads ahead

    [[nodiscard]] __device__ __forceinline__ bool adds_residual() const {
        return residual.data != nullptr;
    }
};

/// Where a row's operands lie, and what is normalised: x, or its sum with the residual.
template <class T>
struct NormRow {
    const T* x = nullptr;
    const T* residual = nullptr;  ///< null: none
    T* sum = nullptr;
    [[nodiscard]] __device__ __forceinline__ const T* values() const {
        return residual != nullptr ? sum : x;
    }
};

template <class T, class P>
__device__ __forceinline__ NormRow<T> row_at(const NormArguments<T, P>& of, std::int64_t row) {
    if (!of.adds_residual()) return {of.groups.of(of.x, row)};
    return {of.groups.of(of.x, row), of.groups.of(of.residual, row), of.groups.of(of.sum, row)};
}

/// Writes x + residual, as it is stored, to the residual stream; returns the thread's part of the
/// sum of values, or of their squares. All of x is read before anything is written.
template <int N, int kPacks, class T, class P>
__device__ __forceinline__ float read_row(const NormArguments<T, P>& of, const NormRow<T>& row,
                                          const Turn& turn, KeptRow<T, N, kPacks>& kept) {
    if constexpr (kPacks > 0) {
        each_pack<kPacks>(turn, [&](int i, int c) { kept.keep(i, load_vec<N>(row.x + c)); });
    }
    float total = 0.0F;
    each_pack<kPacks>(turn, [&](int pack, int c) {
        Floats<N> value;
        if constexpr (kPacks > 0) {
            value = kept.at(pack, c);
        } else {
            value = load<N>(row.x + c);
        }
        if (row.residual != nullptr) {
            const auto other = load<N>(row.residual + c);
#pragma unroll
            for (int i = 0; i < N; ++i) value[i] = fmaf(of.branch_scale, value[i], other[i]);
            const auto stored = vec_of<T>(value);
            store_vec<N>(row.sum + c, stored);
            kept.keep(pack, stored);
            value = floats_of(stored);
        }
#pragma unroll
        for (int i = 0; i < N; ++i) total += of.mean != nullptr ? value[i] : value[i] * value[i];
    });
    return total;
}

/// The thread's part of the sum of squares about the mean.
template <int N, int kPacks, class T>
__device__ __forceinline__ float squares(const KeptRow<T, N, kPacks>& kept, const Turn& turn,
                                         float mean) {
    float total = 0.0F;
    each_pack<kPacks>(turn, [&](int pack, int c) {
        const auto value = kept.at(pack, c);
#pragma unroll
        for (int i = 0; i < N; ++i) total = fmaf(value[i] - mean, value[i] - mean, total);
    });
    return total;
}

template <int N, int kPacks, class T, class P>
__device__ __forceinline__ void write_row(const NormArguments<T, P>& of,
                                          const KeptRow<T, N, kPacks>& kept, T* y, const Turn& turn,
                                          float mean, float rstd) {
    const float shift = -mean * rstd;
    each_pack<kPacks>(turn, [&](int pack, int c) {
        auto value = kept.at(pack, c);
        const auto gamma = load<N>(of.gamma + c);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            value[i] = fmaf(value[i], rstd, shift) * (of.gain_offset + gamma[i]);
        }
        if (of.beta != nullptr) {
            const auto beta = load<N>(of.beta + c);
#pragma unroll
            for (int i = 0; i < N; ++i) value[i] += beta[i];
        }
        store<N>(y + c, value);
    });
}

/// `taken()` is called once the row's operands have been read.
template <int N, int kPacks, Team team, class T, class P, class Taken>
__device__ __forceinline__ void normalize_row(const NormArguments<T, P>& of, std::int64_t row,
                                              const NormRow<T>& at, const Seat<team>& seat,
                                              const Turn& turn, TeamSums<team, 1>& sums,
                                              const Taken& taken) {
    const auto count = static_cast<float>(turn.end);
    KeptRow<T, N, kPacks> kept(at.values());
    float total[1] = {read_row<N>(of, at, turn, kept)};
    taken();
    sums.add_up(total);
    float mean = 0.0F;
    if (of.mean != nullptr) {
        mean = total[0] / count;
        total[0] = squares<N>(kept, turn, mean);
        sums.add_up(total);
    }
    const float rstd = rsqrtf(total[0] / count + of.eps);
    if (seat.rank == 0) {
        of.rstd[row] = rstd;
        if (of.mean != nullptr) of.mean[row] = mean;
    }
    write_row<N>(of, kept, of.groups.of(of.y, row), turn, mean, rstd);
}

/// Rows as they lie, too wide or too oddly aligned to be kept.
template <class T, class P, int N, Team team>
__global__ void __launch_bounds__(kTeamThreads, kTeamBlocks) normalize(NormArguments<T, P> of) {
    const Seat<team> seat;
    const Turn turn{seat.rank * N, seat.size * N, static_cast<int>(of.groups.width)};
    TeamSums<team, 1> sums;
    for (std::int64_t row = seat.first_row(); row < of.groups.rows; row += seat.row_step()) {
        normalize_row<N, 0>(of, row, row_at(of, row), seat, turn, sums, [] {});
    }
}

/// Rows that are read ahead and kept.
template <class T, class P, int N, Team team>
__global__ void __launch_bounds__(kTeamThreads, kTeamBlocks)
    normalize_ahead(NormArguments<T, P> of) {
    const Seat<team> seat;
    const Turn turn{seat.rank * N, seat.size * N, static_cast<int>(of.groups.width)};
    const int operands = of.adds_residual() ? 2 : 1;
    Ahead<N, T> ahead(shared_memory<T>() + seat.index * of.slots * operands * turn.end, of.slots,
                      operands, turn);
    const auto read = [&](std::int64_t row) {
        if (row < of.groups.rows) {
            ahead.copy(0, of.groups.of(of.x, row));
            if (of.adds_residual()) ahead.copy(1, of.groups.of(of.residual, row));
        }
        ahead.next();
    };
    const std::int64_t step = seat.row_step();
    for (int i = 0; i < of.slots; ++i) read(seat.first_row() + i * step);
    TeamSums<team, 1> sums;
    for (std::int64_t row = seat.first_row(); row < of.groups.rows; row += step) {
        ahead.wait();
        NormRow<T> at = row_at(of, row);
        at.x = ahead.operand(0);
        if (of.adds_residual()) at.residual = ahead.operand(1);
        normalize_row<N, kPacksOf<team>>(of, row, at, seat, turn, sums,
                                         [&] { read(row + of.slots * step); });
    }
}

template <class T, class P>
NormArguments<T, P> arguments(const Norm& op, const Launch& launch) {
    const std::size_t gamma = op.residual ? 2 : 1;
    const std::size_t y = op.residual ? 1 : 0;
    const bool layer = op.kind == NormKind::layer;
    return {.groups = groups_of(launch.in[0], op.group),
            .x = rows_of<const T>(launch.in[0]),
            .residual = op.residual ? rows_of<const T>(launch.in[1]) : Rows<const T>{},
            .sum = op.residual ? rows_of<T>(launch.out[0]) : Rows<T>{},
            .y = rows_of<T>(launch.out[y]),
            .gamma = launch.in[gamma].as<const P>(),
            .beta = op.bias ? launch.in[gamma + 1].as<const P>() : nullptr,
            .rstd = launch.out[y + 1].as<float>(),
            .mean = layer ? launch.out[y + 2].as<float>() : nullptr,
            .eps = static_cast<float>(op.eps),
            .branch_scale = static_cast<float>(op.branch_scale),
            .gain_offset = static_cast<float>(op.gain_offset)};
}

template <class T, int N, class P>
void launch_norm(const Launch& launch, NormArguments<T, P> of) {
    const std::int64_t packs = divide_up(of.groups.width, N);
    const std::int64_t operands = of.residual.data != nullptr ? 2 : 1;
    const auto row_bytes = static_cast<std::size_t>(operands * of.groups.width) * sizeof(T);
    with_team(packs, [&](auto team) {
        constexpr Team kTeam = decltype(team)::value;
        auto* kernel = normalize<T, P, N, kTeam>;
        TeamMemory memory{};
        if (N == kWide<T> && packs <= kPacks * kTeamThreads) memory.row = row_bytes;
        const TeamShape shape = team_shape(kTeam, packs, kPacks, memory);
        if constexpr (N == kWide<T>) {
            if (shape.slots > 0) kernel = normalize_ahead<T, P, N, kTeam>;
        }
        of.slots = shape.slots;
        launch_kernel(kernel, {shape.grid(of.groups.rows)}, shape.block, shape.shared_bytes,
                      launch.stream, of);
    });
}

void norm_cuda(const Norm& op, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& residual = launch.in[op.residual ? 1 : 0];
    const TensorView& gamma = launch.in[op.residual ? 2 : 1];
    const TensorView& beta = launch.in[launch.in.size() - 1];  // or gamma again
    const TensorView& sum = launch.out[0];                     // or y
    const TensorView& y = launch.out[op.residual ? 1 : 0];
    if (x.count() == 0) return;
    with_float(x.dtype, [&]<class T>(T) {
        with_float_or<T>(gamma.dtype, [&]<class P>(P) {
            const auto of = arguments<T, P>(op, launch);
            with_width<T>({&x, &residual, &sum, &y, &gamma, &beta},
                          [&](auto n) { launch_norm<T, decltype(n)::value>(launch, of); });
        });
    });
}

std::string refuse_norm(const Op& op, const Launch& launch) {
    if (const auto& norm = std::get<Norm>(op); norm.shards > 1) {
        return "a row of this norm is spread over " + std::to_string(norm.shards) + " ranks";
    }
    return refuse_f64(op, launch);
}

}  // namespace

void add_norm_cuda_rows(KernelTable& table) { set_row<norm_cuda>(table, refuse_norm); }

}  // namespace headroom
