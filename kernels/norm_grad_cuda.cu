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

/// Loads of each operand's row that a thread keeps; a short row is two of each lane.
constexpr int kPacks = 2;
static_assert(kPacks * simt::kWarp == kShortRow);

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
    int slots = 0;  ///< that a team reads ahead
};

/// Where a row lies.
template <class T>
struct Row {
    const T* dy;
    const T* x;
    const T* dsum;  ///< where there is one
    T* dx;
};
/// How a row was normalised: x * rstd + shift.
struct Scale {
    float rstd;
    float shift;
};
template <class T, class P>
__device__ __forceinline__ Row<T> row_at(const GradArguments<T, P>& of, std::int64_t row) {
    return {of.groups.of(of.dy, row), of.groups.of(of.x, row),
            of.dsum.data != nullptr ? of.groups.of(of.dsum, row) : nullptr,
            of.groups.of(of.dx, row)};
}
template <class T, class P>
__device__ __forceinline__ Scale scale_at(const GradArguments<T, P>& of, std::int64_t row) {
    if (row >= of.groups.rows) return {};
    const float rstd = of.rstd[row];
    return {rstd, of.mean != nullptr ? -of.mean[row] * rstd : 0.0F};
}

/// Where the sum of a column lies: the first four of every N columns, then the second four, so that
/// the 16 bytes of neighbouring threads are neighbours.
template <int N>
__device__ __forceinline__ int sum_place(int column, int width) {
    if constexpr (N <= 4) {
        return column;
    } else {
        return column % N / 4 * (width / (N / 4)) + column / N * 4 + column % 4;
    }
}
template <int N>
__device__ __forceinline__ Floats<N> ones() {
    Floats<N> x;
#pragma unroll
    for (int i = 0; i < N; ++i) x[i] = 1.0F;
    return x;
}
/// Adds a * b to the sums of N columns.
template <int N>
__device__ __forceinline__ void add_to(float* sums, int column, int width, const Floats<N>& a,
                                       const Floats<N>& b) {
    constexpr int kEach = N < 4 ? N : 4;
#pragma unroll
    for (int first = 0; first < N; first += kEach) {
        float* const at = sums + sum_place<N>(column + first, width);
        auto sum = load<kEach>(at);
#pragma unroll
        for (int i = 0; i < kEach; ++i) sum[i] = fmaf(a[first + i], b[first + i], sum[i]);
        store<kEach>(at, sum);
    }
}

/// A thread's parts of the sums of gradient * normalised and of gradient.
struct Moments {
    float slope = 0.0F;
    float offset = 0.0F;
};

/// Adds to `sums` where gradients of gamma, then beta, are asked for.
template <int N, int kPacks, class T, class P>
__device__ __forceinline__ Moments read_row(const GradArguments<T, P>& of, const Row<T>& row,
                                            const Scale& scale, const Turn& turn, float* sums) {
    Moments sum;
    each_pack<kPacks>(turn, [&](int, int c) {
        const auto dy = load<N>(row.dy + c);
        auto x = load<N>(row.x + c);
        const auto gamma = load<N>(of.gamma + c);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            x[i] = fmaf(x[i], scale.rstd, scale.shift);
            const float gradient = dy[i] * (of.gain_offset + gamma[i]);
            sum.slope = fmaf(gradient, x[i], sum.slope);
            sum.offset += gradient;
        }
        if (of.shares.data == nullptr) return;
        add_to<N>(sums, c, turn.end, dy, x);
        if (of.bias) add_to<N>(sums + turn.end, c, turn.end, dy, ones<N>());
    });
    return sum;
}

/// dx = rstd * (gradient - mean gradient - normalised * mean slope) [+ dsum], of which all but the
/// gradient is a multiple of x and a number.
template <int N, int kPacks, class T, class P>
__device__ __forceinline__ void write_row(const GradArguments<T, P>& of, const Row<T>& row,
                                          const Scale& scale, const Turn& turn,
                                          const Moments& mean) {
    const float factor = -scale.rstd * mean.slope * scale.rstd;
    const float addend = -scale.rstd * fmaf(scale.shift, mean.slope, mean.offset);
    each_pack<kPacks>(turn, [&](int, int c) {
        auto dy = load<N>(row.dy + c);
        const auto x = load<N>(row.x + c);
        const auto gamma = load<N>(of.gamma + c);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const float gradient = dy[i] * (of.gain_offset + gamma[i]);
            dy[i] = fmaf(gradient, scale.rstd, fmaf(x[i], factor, addend));
        }
        if (of.dsum.data != nullptr) {
            const auto dsum = load<N>(row.dsum + c);
#pragma unroll
            for (int i = 0; i < N; ++i) dy[i] += dsum[i];
        }
        store<N>(row.dx + c, dy);
    });
}

/// The means of a row's moments; that of the gradient is 0 where no mean was subtracted.
template <Team team>
struct MomentSums {
    TeamSums<team, 1> slope{};
    TeamSums<team, 2> both{};

    __device__ __forceinline__ Moments means(const Moments& parts, bool centred, int width) {
        const auto count = static_cast<float>(width);
        if (centred) {
            float value[2] = {parts.slope, parts.offset};
            both.add_up(value);
            return {value[0] / count, value[1] / count};
        }
        float value[1] = {parts.slope};
        slope.add_up(value);
        return {value[0] / count, 0.0F};
    }
};

template <int N, int kPacks, Team team, class T, class P>
__device__ __forceinline__ void row_gradient(const GradArguments<T, P>& of, const Row<T>& row,
                                             const Scale& scale, const Turn& turn, float* sums,
                                             MomentSums<team>& moments) {
    const Moments parts = read_row<N, kPacks>(of, row, scale, turn, sums);
    const Moments mean = moments.means(parts, of.mean != nullptr, turn.end);
    write_row<N, kPacks>(of, row, scale, turn, mean);
}

/// The block's share: what its teams summed.
template <int N, class T, class P>
__device__ __forceinline__ void write_share(const GradArguments<T, P>& of, const float* sums,
                                            int teams, int summed, int width) {
    __syncthreads();
    for (int i = thread_rank(); i < summed; i += thread_count()) {
        const int beta = i < width ? 0 : width;
        const float* const at = sums + beta + sum_place<N>(i - beta, width);
        float sum = 0.0F;
        for (int t = 0; t < teams; ++t) sum += at[t * summed];
        of.shares.data[blockIdx.x * of.shares.stride + i] = sum;
    }
}

template <class T, class P, int N, Team team, bool reads_ahead>
__global__ void __launch_bounds__(kTeamThreads, kTeamBlocks) norm_gradient(GradArguments<T, P> of) {
    const Seat<team> seat;
    const auto width = static_cast<int>(of.groups.width);
    const Turn turn{seat.rank * N, seat.size * N, width};
    const int summed = of.shares.data == nullptr ? 0 : (of.bias ? 2 : 1) * width;
    float* const all_sums = shared_memory<float>();
    float* const sums = all_sums + seat.index * summed;
    for (int i = thread_rank(); i < seat.teams * summed; i += thread_count()) all_sums[i] = 0.0F;
    __syncthreads();
    const std::int64_t step = seat.row_step();
    Scale next = scale_at(of, seat.first_row());
    MomentSums<team> moments;
    if constexpr (!reads_ahead) {
        for (std::int64_t at = seat.first_row(); at < of.groups.rows; at += step) {
            const Scale scale = next;
            next = scale_at(of, at + step);
            row_gradient<N, 0>(of, row_at(of, at), scale, turn, sums, moments);
        }
    } else {
        const int operands = of.dsum.data != nullptr ? 3 : 2;
        T* const rows = reinterpret_cast<T*>(all_sums + seat.teams * summed);
        Ahead<N, T> ahead(rows + seat.index * of.slots * operands * width, of.slots, operands,
                          turn);
        const auto read = [&](std::int64_t at) {
            if (at < of.groups.rows) {
                ahead.copy(0, of.groups.of(of.dy, at));
                ahead.copy(1, of.groups.of(of.x, at));
                if (of.dsum.data != nullptr) ahead.copy(2, of.groups.of(of.dsum, at));
            }
            ahead.next();
        };
        for (int i = 0; i < of.slots; ++i) read(seat.first_row() + i * step);
        for (std::int64_t at = seat.first_row(); at < of.groups.rows; at += step) {
            const Scale scale = next;
            next = scale_at(of, at + step);
            ahead.wait();
            const Row<T> row{ahead.operand(0), ahead.operand(1),
                             of.dsum.data != nullptr ? ahead.operand(2) : nullptr,
                             of.groups.of(of.dx, at)};
            row_gradient<N, kPacks>(of, row, scale, turn, sums, moments);
            read(at + of.slots * step);
        }
    }
    write_share<N>(of, all_sums, seat.teams, summed, width);
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
    const std::int64_t operands = of.dsum.data != nullptr ? 3 : 2;
    const auto row_bytes = static_cast<std::size_t>(operands * of.groups.width) * sizeof(T);
    with_team(packs, [&](auto team) {
        constexpr Team kTeam = decltype(team)::value;
        auto* kernel = norm_gradient<T, P, N, kTeam, false>;
        TeamMemory memory{.kept = static_cast<std::size_t>(summed) * sizeof(float)};
        if (N == kWide<T> && packs <= kPacks * kTeamThreads) memory.row = row_bytes;
        const TeamShape shape = team_shape(kTeam, packs, kPacks, memory);
        if constexpr (N == kWide<T>) {
            if (shape.slots > 0) kernel = norm_gradient<T, P, N, kTeam, true>;
        }
        unsigned blocks = shape.grid(of.groups.rows);
        if (summed > 0) {
            of.shares = block_shares(launch, blocks, summed);
            blocks = static_cast<unsigned>(of.shares.count);
        }
        of.slots = shape.slots;
        launch_kernel(kernel, {blocks}, shape.block, shape.shared_bytes, launch.stream, of);
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

std::string refuse_norm_grad(const Op& op, const Launch& launch) {
    constexpr std::size_t kStatic = 1024;  // of block sums, and more
    const auto& grad = std::get<NormGrad>(op);
    const std::int64_t width = groups_of(launch.in[1], grad.group).width;
    const std::int64_t sums = grad.parameters ? (grad.bias ? 2 : 1) * width : 0;
    if (static_cast<std::size_t>(sums) * sizeof(float) + kStatic > shared_bytes_limit()) {
        return "a row of this norm has " + std::to_string(width) +
               " columns, more than a block's shared memory has sums for";
    }
    return refuse_f64(op, launch);
}

}  // namespace

void add_norm_grad_cuda_rows(KernelTable& table) {
    set_row<norm_grad_cuda>(table, refuse_norm_grad);
}

}  // namespace headroom
