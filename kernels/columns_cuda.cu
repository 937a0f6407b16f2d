#include "kernels/cuda_table.h"
#include "kernels/device/column_sum.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/refuse.h"
#include "kernels/device/rows.cuh"

namespace headroom {
namespace {

using namespace device;

/// Column blocks are views: nothing moves.
void split_columns_cuda(const SplitColumns&, const Launch&) {}

void copy_matrix(const Launch& launch, const TensorView& from, const TensorView& to) {
    with_float(to.dtype, [&]<class T>(T) {
        for_each<T>(launch, {&from, &to}, CopyElements<T>{rows_of<const T>(from), rows_of<T>(to)});
    });
}

void join_columns_cuda(const JoinColumns&, const Launch& launch) {
    TensorView to = launch.out[0];
    for (const auto& block : launch.in) {
        to.shape = block.shape;
        copy_matrix(launch, block, to);
        to.data += bytes_of(block.columns(), to.dtype);
    }
}

void pool_rows_cuda(const PoolRows& op, const Launch& launch) {
    TensorView first = launch.in[0];
    first.shape = launch.out[0].shape;
    first.stride *= op.sequence;
    copy_matrix(launch, first, launch.out[0]);
}

/// y = x * scale [+ bias], a factor and an addend a column
template <class T, class S>
struct ScaleByColumn {
    Rows<const T> x;
    const S* scale;
    const T* bias;
    Rows<T> y;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        auto value = load<N>(x.at(row, column));
        const auto factor = load<N>(scale + column);
#pragma unroll
        for (int i = 0; i < N; ++i) value[i] *= factor[i];
        if (bias != nullptr) {
            const auto addend = load<N>(bias + column);
#pragma unroll
            for (int i = 0; i < N; ++i) value[i] += addend[i];
        }
        store<N>(y.at(row, column), value);
    }
};

void scale_columns_cuda(const ScaleColumns&, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& scale = launch.in[1];
    const TensorView& y = launch.out[0];
    const TensorView& bias = launch.in.size() > 2 ? launch.in[2] : scale;
    const Columns all{x.rows(), 0, x.columns()};
    with_float(x.dtype, [&]<class T>(T) {
        const T* addend = launch.in.size() > 2 ? bias.as<const T>() : nullptr;
        with_float_or<T>(scale.dtype, [&]<class S>(S) {
            with_width<T>({&x, &scale, &bias, &y}, [&](auto n) {
                launch_rows<decltype(n)::value>(
                    launch, all,
                    ScaleByColumn<T, S>{rows_of<const T>(x), scale.as<const S>(), addend,
                                        rows_of<T>(y)});
            });
        });
    });
}

/// dx = dy * scale, and the terms x * dy of a column's gradient
template <class T, class S>
struct ScaleTerms {
    Rows<const T> x;
    const S* scale;
    Rows<const T> dy;
    Rows<T> dx;
    template <int N>
    __device__ __forceinline__ Floats<N> value(std::int64_t row, std::int64_t column) const {
        auto term = load<N>(x.at(row, column));
        auto gradient = load<N>(dy.at(row, column));
        const auto factor = load<N>(scale + column);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            term[i] *= gradient[i];
            gradient[i] *= factor[i];
        }
        store<N>(dx.at(row, column), gradient);
        return term;
    }
};

void scale_columns_grad_cuda(const ScaleColumnsGrad&, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& scale = launch.in[1];
    const TensorView& dy = launch.in[2];
    const TensorView& dx = launch.out[0];
    with_float(x.dtype, [&]<class T>(T) {
        with_float_or<T>(scale.dtype, [&]<class S>(S) {
            sum_columns<T>(launch, {&x, &scale, &dy, &dx},
                           ScaleTerms<T, S>{rows_of<const T>(x), scale.as<const S>(),
                                            rows_of<const T>(dy), rows_of<T>(dx)},
                           any_vector(launch.out[1]), false);
        });
    });
}

__device__ __forceinline__ float sigmoid(float x) { return 1.0F / (1.0F + expf(-x)); }

/// y = sigmoid(gate of the row) * x
template <class T>
struct GateElements {
    Rows<const T> x;
    Rows<const T> gate;
    Rows<T> y;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        const float open = sigmoid(to_float(*gate.at(row, 0)));
        auto value = load<N>(x.at(row, column));
#pragma unroll
        for (int i = 0; i < N; ++i) value[i] *= open;
        store<N>(y.at(row, column), value);
    }
};

void gate_rows_cuda(const GateRows&, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& y = launch.out[0];
    const Columns all{x.rows(), 0, x.columns()};
    with_float(x.dtype, [&]<class T>(T) {
        const GateElements<T> body{rows_of<const T>(x), rows_of<const T>(launch.in[1]),
                                   rows_of<T>(y)};
        with_width<T>({&x, &y},
                      [&](auto n) { launch_rows<decltype(n)::value>(launch, all, body); });
    });
}

template <class T>
struct GateGradient {
    Rows<const T> x;
    Rows<const T> gate;
    Rows<const T> dy;
    Rows<T> dx;
    Rows<T> dgate;
};

constexpr int kWarps = 8;

/// One warp a row: dx = open * dy, dgate = open * (1 - open) * sum(x * dy).
template <class T, int N>
__global__ void __launch_bounds__(kWarps* simt::kWarp)
    gate_gradient(std::int64_t rows, std::int64_t columns, GateGradient<T> of) {
    const auto lane = static_cast<int>(threadIdx.x);
    for (std::int64_t row = std::int64_t{blockIdx.x} * kWarps + threadIdx.y; row < rows;
         row += std::int64_t{gridDim.x} * kWarps) {
        const float open = sigmoid(to_float(*of.gate.at(row, 0)));
        float sum = 0.0F;
        for (std::int64_t column = lane * N; column < columns; column += simt::kWarp * N) {
            const auto value = load<N>(of.x.at(row, column));
            auto gradient = load<N>(of.dy.at(row, column));
#pragma unroll
            for (int i = 0; i < N; ++i) {
                sum = fmaf(value[i], gradient[i], sum);
                gradient[i] *= open;
            }
            store<N>(of.dx.at(row, column), gradient);
        }
        sum = warp_sum(sum);
        if (lane == 0) *of.dgate.at(row, 0) = from_float<T>(open * (1.0F - open) * sum);
    }
}

void gate_rows_grad_cuda(const GateRowsGrad&, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& dy = launch.in[2];
    const TensorView& dx = launch.out[0];
    if (x.count() == 0) return;
    with_float(x.dtype, [&]<class T>(T) {
        const GateGradient<T> of{rows_of<const T>(x), rows_of<const T>(launch.in[1]),
                                 rows_of<const T>(dy), rows_of<T>(dx), rows_of<T>(launch.out[1])};
        with_width<T>({&x, &dy, &dx}, [&](auto n) {
            launch_kernel(gate_gradient<T, decltype(n)::value>,
                          {grid_for(divide_up(x.rows(), kWarps))}, {simt::kWarp, kWarps}, 0,
                          launch.stream, x.rows(), x.columns(), of);
        });
    });
}

}  // namespace

void add_columns_cuda_rows(KernelTable& table) {
    set_row<split_columns_cuda>(table, refuse_f64);
    set_row<join_columns_cuda>(table, refuse_f64);
    set_row<scale_columns_cuda>(table, refuse_f64);
    set_row<scale_columns_grad_cuda>(table, refuse_f64);
    set_row<gate_rows_cuda>(table, refuse_f64);
    set_row<gate_rows_grad_cuda>(table, refuse_f64);
    set_row<pool_rows_cuda>(table, refuse_f64);
}

}  // namespace headroom
