#include "kernels/cuda_table.h"
#include "kernels/device/column_sum.cuh"
#include "kernels/device/refuse.h"
#include "kernels/device/row_team.cuh"
#include "planner/step/op/norm.h"

// A thread takes the same columns of every row, so it sums the gradients of gamma and beta for them
// in shared memory alone; blocks then leave one share each, which a second kernel adds up.

namespace headroom {
namespace {

using namespace device;

template <class T, class P>
struct GradArguments {
    Groups groups{};
    Rows<const T> dy{};
    Rows<const T> x{};
    Rows<const T> dsum{};  ///< no data: none
    Rows<T> dx{};
    const P* gamma = nullptr;
    const float* rstd = nullptr;
    const float* mean = nullptr;  ///< null: rms
    Shares shares{};              ///< of dgamma, then dbeta; no data: neither is asked for
    float gain_offset = 0.0F;
    bool bias = false;
    bool cached = true;
};

/// One row: where it lies and how it was normalised.
template <class T>
struct Row {
    const T* dy;
    const T* x;
    const T* dsum;
    T* dx;
    float rstd;
    float mean;
};
template <class T, class P>
__device__ __forceinline__ Row<T> row_at(const GradArguments<T, P>& of, std::int64_t row) {
    return {of.groups.of(of.dy, row),
            of.groups.of(of.x, row),
            of.dsum.data != nullptr ? of.groups.of(of.dsum, row) : nullptr,
            of.groups.of(of.dx, row),
            of.rstd[row],
            of.mean != nullptr ? of.mean[row] : 0.0F};
}

/// The shared memory of a team: what it sums of gamma's and beta's gradient, and a row of dy and x.
template <class T>
struct Kept {
    float* sums;
    T* dy;
    T* x;
};

template <int N>
__device__ __forceinline__ void add_to(float* sums, const Floats<N>& term) {
    auto sum = load<N>(sums);
#pragma unroll
    for (int i = 0; i < N; ++i) sum[i] += term[i];
    store<N>(sums, sum);
}

/// A thread's parts of the sums of gradient * normalised and of gradient.
struct Moments {
    float slope = 0.0F;
    float offset = 0.0F;
};

template <int N, class T, class P>
__device__ __forceinline__ Moments read_row(const GradArguments<T, P>& of, const Row<T>& row,
                                            const Turn& turn, const Kept<T>& kept) {
    Moments sum;
    for (int c = turn.first; c < turn.end; c += turn.step) {
        const auto dy = load<N>(row.dy + c);
        auto x = load<N>(row.x + c);
        const auto gamma = load<N>(of.gamma + c);
        if (of.cached) {
            store<N>(kept.dy + c, dy);
            store<N>(kept.x + c, x);
        }
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const float normalised = (x[i] - row.mean) * row.rstd;
            const float gradient = dy[i] * (of.gain_offset + gamma[i]);
            sum.slope = fmaf(gradient, normalised, sum.slope);
            sum.offset += gradient;
            x[i] = dy[i] * normalised;
        }
        if (of.shares.data == nullptr) continue;
        add_to<N>(kept.sums + c, x);
        if (of.bias) add_to<N>(kept.sums + turn.end + c, dy);
    }
    return sum;
}

/// dx = rstd * (gradient - mean gradient - normalised * mean slope) [+ dsum]
template <int N, class T, class P>
__device__ __forceinline__ void write_row(const GradArguments<T, P>& of, const Row<T>& row,
                                          const Turn& turn, const Kept<T>& kept,
                                          const Moments& mean) {
    for (int c = turn.first; c < turn.end; c += turn.step) {
        auto dy = load<N>((of.cached ? kept.dy : row.dy) + c);
        const auto x = load<N>((of.cached ? kept.x : row.x) + c);
        const auto gamma = load<N>(of.gamma + c);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const float normalised = (x[i] - row.mean) * row.rstd;
            const float gradient = dy[i] * (of.gain_offset + gamma[i]);
            dy[i] = row.rstd * (gradient - mean.offset - normalised * mean.slope);
        }
        if (row.dsum != nullptr) {
            const auto dsum = load<N>(row.dsum + c);
#pragma unroll
            for (int i = 0; i < N; ++i) dy[i] += dsum[i];
        }
        store<N>(row.dx + c, dy);
    }
}

template <class T, class P, int N, Team team>
__global__ void __launch_bounds__(kTeamThreads, 1) norm_gradient(GradArguments<T, P> of) {
    const Seat<team> seat;
    const auto width = static_cast<int>(of.groups.width);
    const Turn turn{seat.rank * N, seat.size * N, width};
    const int summed = of.shares.data == nullptr ? 0 : (of.bias ? 2 : 1) * width;
    float* const all_sums = shared_memory<float>();
    T* const cache = reinterpret_cast<T*>(all_sums + seat.teams * summed);
    T* const own = cache + (of.cached ? 2 * seat.index * width : 0);
    const Kept<T> kept{all_sums + seat.index * summed, own, own + (of.cached ? width : 0)};
    for (int i = thread_rank(); i < seat.teams * summed; i += thread_count()) {
        all_sums[i] = 0.0F;
    }
    __syncthreads();
    const auto count = static_cast<float>(width);
    for (std::int64_t at = seat.first_row(); at < of.groups.rows; at += seat.row_step()) {
        const Row<T> row = row_at(of, at);
        Moments mean = read_row<N>(of, row, turn, kept);
        mean.slope = seat.sum(mean.slope) / count;
        mean.offset = of.mean != nullptr ? seat.sum(mean.offset) / count : 0.0F;
        write_row<N>(of, row, turn, kept, mean);
    }
    __syncthreads();
    for (int i = thread_rank(); i < summed; i += thread_count()) {
        float sum = 0.0F;
        for (int t = 0; t < seat.teams; ++t) sum += all_sums[t * summed + i];
        of.shares.data[blockIdx.x * of.shares.stride + i] = sum;
    }
}

template <class T, class P>
GradArguments<T, P> arguments(const NormGrad& op, const Launch& launch) {
    const bool layer = op.kind == NormKind::layer;
    const TensorView& last = launch.in[launch.in.size() - 1];
    return {.groups = groups_of(launch.in[0], op.group),
            .dy = rows_of<const T>(launch.in[0]),
            .x = rows_of<const T>(launch.in[1]),
            .dsum = op.with_sum ? rows_of<const T>(last) : Rows<const T>{},
            .dx = rows_of<T>(launch.out[0]),
            .gamma = launch.in[2].as<const P>(),
            .rstd = launch.in[3].as<const float>(),
            .mean = layer ? launch.in[4].as<const float>() : nullptr,
            .gain_offset = static_cast<float>(op.gain_offset),
            .bias = op.bias};
}

/// One share a block: in the workspace where there is one, else the op's own partial sums.
Shares block_shares(const Launch& launch, std::int64_t blocks, std::int64_t stride) {
    if (launch.workspace.data != nullptr) return make_shares(launch, blocks, stride);
    return {launch.out[1].as<float>(), std::min(blocks, kNormPartials), stride};
}

/// Returns the shares that it left.
template <class T, int N, class P>
Shares launch_gradient(const Launch& launch, GradArguments<T, P> of, std::int64_t summed) {
    const std::int64_t packs = divide_up(of.groups.width, N);
    const std::size_t row_bytes = static_cast<std::size_t>(of.groups.width) * sizeof(T);
    const std::size_t sum_bytes = static_cast<std::size_t>(summed) * sizeof(float);
    with_team(packs, [&](auto team) {
        const TeamShape shape = team_shape(team.value, packs, sum_bytes, 2 * row_bytes);
        unsigned blocks = grid_for(divide_up(of.groups.rows, shape.teams));
        if (summed > 0) {
            of.shares = block_shares(launch, blocks, summed);
            blocks = static_cast<unsigned>(of.shares.count);
        }
        of.cached = shape.cached;
        launch_kernel(norm_gradient<T, P, N, decltype(team)::value>, {blocks}, shape.block,
                      shape.shared_bytes, launch.stream, of);
    });
    return of.shares;
}

void norm_grad_cuda(const NormGrad& op, const Launch& launch) {
    const TensorView& dy = launch.in[0];
    const TensorView& x = launch.in[1];
    const TensorView& gamma = launch.in[2];
    const TensorView& dsum = op.with_sum ? launch.in[launch.in.size() - 1] : dy;
    const TensorView& dx = launch.out[0];
    const std::int64_t width = groups_of(x, op.group).width;
    const std::int64_t summed = op.parameters ? (op.bias ? 2 : 1) * width : 0;
    Shares shares{};
    with_float(x.dtype, [&]<class T>(T) {
        with_float_or<T>(gamma.dtype, [&]<class P>(P) {
            const auto of = arguments<T, P>(op, launch);
            with_width<T>({&dy, &x, &gamma, &dsum, &dx}, [&](auto n) {
                shares = launch_gradient<T, decltype(n)::value>(launch, of, summed);
            });
        });
    });
    if (!op.parameters) return;
    const bool add = adds(op.accumulation, launch);
    launch_sum_shares(launch, shares, width, any_vector(launch.out[2]), add);
    if (!op.bias) return;
    shares.data += width;
    launch_sum_shares(launch, shares, width, any_vector(launch.out[3]), add);
}

}  // namespace

void add_norm_grad_cuda_rows(KernelTable& table) { set_row<norm_grad_cuda>(table, refuse_f64); }

}  // namespace headroom
