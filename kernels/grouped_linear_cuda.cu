#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/cuda_table.h"
#include "kernels/device/blas.h"
#include "kernels/device/reduce.cuh"
#include "kernels/device/rows.cuh"
#include "planner/base/error.h"

namespace headroom {
namespace {

using namespace device;

/// Counts that a launch has room for: experts times the ranks that rows came from.
constexpr std::size_t kMostGroups = 4096;

/// How `rows` rows are shared out. Where every count fits in an even share, each group has its
/// share (slots, the unused ones zero); otherwise the groups lie end to end.
struct Groups {
    const std::int32_t* counts = nullptr;
    std::int64_t groups = 0;
    std::int64_t rows = 0;

    __host__ __device__ bool slots() const {
        std::int64_t most = 0;
        for (std::int64_t g = 0; g < groups; ++g) most = counts[g] > most ? counts[g] : most;
        return most * groups <= rows;
    }
    __host__ __device__ std::int64_t end(std::int64_t g, std::int64_t first, bool even) const {
        const std::int64_t end = even ? rows * (g + 1) / groups : first + counts[g];
        return g + 1 == groups || end > rows ? rows : end;
    }
};

/// Calls visit(expert, first row, rows, again) for every group in the order of their rows; `again`:
/// rows of this expert, from another rank, have been visited. The counts are copied to the host
/// first, which waits for the stream: such a step cannot be recorded into a CUDA graph.
template <class Visit>
void for_each_group(const TensorView& counts, std::int64_t rows, std::int64_t experts,
                    const Launch& launch, const Visit& visit) {
    std::array<std::int32_t, kMostGroups> used;
    const auto count = static_cast<std::size_t>(counts.count());
    if (count > used.size()) throw InternalError("more groups of rows than a launch has room for");
    fetch(launch.stream, used.data(), counts.data, count * sizeof(std::int32_t));
    const Groups groups{used.data(), counts.count(), rows};
    const bool even = groups.slots();
    std::int64_t first = 0;
    for (std::int64_t g = 0; g < groups.groups; ++g) {
        const std::int64_t end = groups.end(g, first, even);
        visit(g % experts, first, end - first, g >= experts);
        first = end;
    }
}

void multiply(Gemm gemm, const Launch& launch) {
    gemm.extents = Extents::vary;
    multiply_counted(gemm, launch.workspace, launch);
}

/// The matrix of an expert in (E, out, in).
Matrix of_expert(const TensorView& weights, std::int64_t expert) {
    return rows_of(matrix_of(weights), expert * weights.shape[1], weights.shape[1]);
}

/// y = x * W[expert]^T [+ bias[expert]].
void grouped_linear_cuda(const GroupedLinear&, const Launch& launch) {
    const Matrix x = matrix_of(launch.in[0]);
    const Matrix y = matrix_of(launch.out[0]);
    const TensorView& weights = launch.in[1];
    const auto run = [&](std::int64_t expert, std::int64_t first, std::int64_t rows, bool) {
        Gemm gemm{.a = rows_of(x, first, rows),
                  .b = of_expert(weights, expert),
                  .b_stored = Stored::transposed,
                  .d = rows_of(y, first, rows)};
        if (launch.in.size() == 4) gemm.bias = rows_of(matrix_of(launch.in[3]), expert, 1).data;
        multiply(gemm, launch);
    };
    for_each_group(launch.in[2], x.rows, weights.shape[0], launch, run);
}

/// dx = dy * W[expert].
void grouped_grad_input_cuda(const GroupedGradInput&, const Launch& launch) {
    const Matrix dy = matrix_of(launch.in[0]);
    const Matrix dx = matrix_of(launch.out[0]);
    const TensorView& weights = launch.in[1];
    const auto run = [&](std::int64_t expert, std::int64_t first, std::int64_t rows, bool) {
        multiply({.a = rows_of(dy, first, rows),
                  .b = of_expert(weights, expert),
                  .d = rows_of(dx, first, rows)},
                 launch);
    };
    for_each_group(launch.in[2], dy.rows, weights.shape[0], launch, run);
}

/// dW[expert] = dy^T * x [+ dW[expert]].
void grouped_weights(const Launch& launch, bool add) {
    const Matrix x = matrix_of(launch.in[0]);
    const Matrix dy = matrix_of(launch.in[1]);
    const TensorView& gradient = launch.out[0];
    const auto run = [&](std::int64_t expert, std::int64_t first, std::int64_t rows, bool again) {
        multiply({.a = rows_of(dy, first, rows),
                  .a_stored = Stored::transposed,
                  .b = rows_of(x, first, rows),
                  .d = of_expert(gradient, expert),
                  .beta = add || again ? 1.0 : 0.0},
                 launch);
    };
    for_each_group(launch.in[2], x.rows, gradient.shape[0], launch, run);
}

constexpr int kSumWarps = 8;
constexpr int kSumThreads = kSumWarps * simt::kWarp;
/// Columns that a block sums: two a lane, 32 apart.
constexpr int kSumColumns = 2 * simt::kWarp;

/// The sum over rows [first, last) of column `column + threadIdx.x`, for the first kSumColumns
/// threads. A warp takes every eighth row; then the eight sums are added in order.
template <class T>
__device__ float sum_of_rows(Rows<const T> matrix, std::int64_t first, std::int64_t last,
                             std::int64_t column, std::int64_t columns) {
    __shared__ SharedArray<float, kSumWarps * kSumColumns> part;
    const int lane = thread_rank() % simt::kWarp;
    const int warp = thread_rank() / simt::kWarp;
    const std::int64_t left = column + lane;
    const std::int64_t right = left + simt::kWarp;
    float sums[2] = {0.0F, 0.0F};
    for (std::int64_t row = first + warp; row < last; row += kSumWarps) {
        if (left < columns) sums[0] += to_float(*matrix.at(row, left));
        if (right < columns) sums[1] += to_float(*matrix.at(row, right));
    }
    __syncthreads();  // the sums of the call before have been read
    part[warp * kSumColumns + lane] = sums[0];
    part[warp * kSumColumns + lane + simt::kWarp] = sums[1];
    __syncthreads();
    float sum = 0.0F;
    if (thread_rank() >= kSumColumns) return sum;
    for (int w = 0; w < kSumWarps; ++w) sum += part[w * kSumColumns + thread_rank()];
    return sum;
}

/// Block (x, expert) sums kSumColumns columns of dy over the expert's rows, group after group.
template <class T, class Out>
__global__ void __launch_bounds__(kSumThreads)
    grouped_bias_kernel(Rows<const T> dy, Groups groups, std::int64_t columns, Out* dbias,
                        bool add) {
    const auto experts = static_cast<std::int64_t>(gridDim.y);
    const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kSumColumns;
    const std::int64_t mine = column + thread_rank();
    const bool writes = thread_rank() < kSumColumns && mine < columns;
    Out* const out = dbias + blockIdx.y * columns + mine;
    const bool even = groups.slots();
    float sum = writes && add ? to_float(*out) : 0.0F;
    std::int64_t first = 0;
    for (std::int64_t g = 0; g < groups.groups; ++g) {
        const std::int64_t end = groups.end(g, first, even);
        if (g % experts == blockIdx.y) {
            sum += sum_of_rows(dy, first, end, column, columns);
        }
        first = end;
    }
    if (writes) *out = from_float<Out>(sum);
}

/// dbias[expert] = column sums of dy [+ dbias[expert]]; the counts stay on the device.
void grouped_bias(const Launch& launch, bool add) {
    const TensorView& dy = launch.in[1];
    const TensorView& counts = launch.in[2];
    const TensorView& dbias = launch.out[0];
    const Groups groups{counts.as<std::int32_t>(), counts.count(), dy.rows()};
    const Extent3 grid{static_cast<unsigned>(divide_up(dy.columns(), kSumColumns)),
                       static_cast<unsigned>(dbias.shape[0])};
    with_float(dy.dtype, [&](auto t) {
        with_float(dbias.dtype, [&](auto o) {
            using T = decltype(t);
            using Out = decltype(o);
            launch_kernel(grouped_bias_kernel<T, Out>, grid, {kSumThreads}, 0, launch.stream,
                          rows_of<const T>(dy), groups, dy.columns(), dbias.as<Out>(), add);
        });
    });
}

void grouped_grad_weight_cuda(const GroupedGradWeight& op, const Launch& launch) {
    const bool add = adds(op.accumulation, launch);
    op.bias ? grouped_bias(launch, add) : grouped_weights(launch, add);
}

std::string forward_refused(const Op&, const Launch& launch) {
    const DType y = launch.out[0].dtype;
    if (launch.in.size() == 4 && launch.in[3].dtype != y) {
        return "adds no bias of experts in " + std::string(name(launch.in[3].dtype)) + " to " +
               std::string(name(y));
    }
    return dtype_refusal(launch.in[0].dtype, launch.in[1].dtype, y);
}
std::string grad_weight_refused(const Op& op, const Launch& launch) {
    const DType dy = launch.in[1].dtype;
    const DType x = std::get<GroupedGradWeight>(op).bias ? dy : launch.in[0].dtype;
    return dtype_refusal(dy, x, launch.out[0].dtype);
}

}  // namespace

void add_grouped_linear_cuda_rows(KernelTable& table) {
    set_row<grouped_linear_cuda>(table, forward_refused);
    set_row<grouped_grad_input_cuda>(table, forward_refused);
    set_row<grouped_grad_weight_cuda>(table, grad_weight_refused);
}

}  // namespace headroom
