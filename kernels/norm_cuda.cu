#include "kernels/cuda_table.h"
#include "kernels/device/refuse.h"
#include "kernels/device/row_team.cuh"
#include "planner/step/op/norm.h"

// What a thread reads of a row it keeps in shared memory for the second pass, so it waits for
// others in the sums alone.

namespace headroom {
namespace {

using namespace device;

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
    bool cached = true;
};

/// Writes x + residual, as it is stored, to the residual stream and the cache; returns the thread's
/// part of the sum of values, or of their squares.
template <int N, class T, class P>
__device__ __forceinline__ float read_row(const NormArguments<T, P>& of, std::int64_t row,
                                          const Turn& turn, T* cache) {
    const T* const x = of.groups.of(of.x, row);
    const bool adds_residual = of.residual.data != nullptr;
    const T* const residual = adds_residual ? of.groups.of(of.residual, row) : nullptr;
    T* const sum = adds_residual ? of.groups.of(of.sum, row) : nullptr;
    float total = 0.0F;
    for (int c = turn.first; c < turn.end; c += turn.step) {
        auto value = load<N>(x + c);
        if (adds_residual) {
            const auto other = load<N>(residual + c);
#pragma unroll
            for (int i = 0; i < N; ++i) {
                value[i] = rounded<T>(fmaf(of.branch_scale, value[i], other[i]));
            }
            store<N>(sum + c, value);
        }
        if (of.cached) store<N>(cache + c, value);
#pragma unroll
        for (int i = 0; i < N; ++i) total += of.mean != nullptr ? value[i] : value[i] * value[i];
    }
    return total;
}

/// The thread's part of the sum of squares about the mean.
template <int N, class T>
__device__ __forceinline__ float squares(const T* values, const Turn& turn, float mean) {
    float total = 0.0F;
    for (int c = turn.first; c < turn.end; c += turn.step) {
        const auto value = load<N>(values + c);
#pragma unroll
        for (int i = 0; i < N; ++i) total = fmaf(value[i] - mean, value[i] - mean, total);
    }
    return total;
}

template <int N, class T, class P>
__device__ __forceinline__ void write_row(const NormArguments<T, P>& of, const T* values, T* y,
                                          const Turn& turn, float mean, float rstd) {
    for (int c = turn.first; c < turn.end; c += turn.step) {
        auto value = load<N>(values + c);
        const auto gamma = load<N>(of.gamma + c);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            value[i] = (value[i] - mean) * rstd * (of.gain_offset + gamma[i]);
        }
        if (of.beta != nullptr) {
            const auto beta = load<N>(of.beta + c);
#pragma unroll
            for (int i = 0; i < N; ++i) value[i] += beta[i];
        }
        store<N>(y + c, value);
    }
}

template <class T, class P, int N, Team team>
__global__ void __launch_bounds__(kTeamThreads, 4) normalize(NormArguments<T, P> of) {
    const Seat<team> seat;
    const Turn turn{seat.rank * N, seat.size * N, static_cast<int>(of.groups.width)};
    T* const cache = shared_memory<T>() + (of.cached ? seat.index * of.groups.width : 0);
    const auto count = static_cast<float>(of.groups.width);
    const bool adds_residual = of.residual.data != nullptr;
    for (std::int64_t row = seat.first_row(); row < of.groups.rows; row += seat.row_step()) {
        float total = seat.sum(read_row<N>(of, row, turn, cache));
        const T* const stored = adds_residual ? of.groups.of(of.sum, row) : of.groups.of(of.x, row);
        const T* const values = of.cached ? cache : stored;
        float mean = 0.0F;
        if (of.mean != nullptr) {
            mean = total / count;
            total = seat.sum(squares<N>(values, turn, mean));
        }
        const float rstd = rsqrtf(total / count + of.eps);
        if (seat.rank == 0) {
            of.rstd[row] = rstd;
            if (of.mean != nullptr) of.mean[row] = mean;
        }
        write_row<N>(of, values, of.groups.of(of.y, row), turn, mean, rstd);
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
    const std::size_t row_bytes = static_cast<std::size_t>(of.groups.width) * sizeof(T);
    with_team(packs, [&](auto team) {
        const TeamShape shape = team_shape(team.value, packs, 0, row_bytes);
        of.cached = shape.cached;
        launch_kernel(normalize<T, P, N, decltype(team)::value>,
                      {grid_for(divide_up(of.groups.rows, shape.teams))}, shape.block,
                      shape.shared_bytes, launch.stream, of);
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
