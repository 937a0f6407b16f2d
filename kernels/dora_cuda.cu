#include "kernels/cuda_table.h"
#include "kernels/device/any_vector.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/refuse.h"
#include "kernels/device/rows.cuh"
#include "planner/step/op/dora.h"

namespace headroom {
namespace {

using namespace device;

constexpr int kThreads = 256;
constexpr int kTileRows = 4;  ///< rows of a thread, which share what it reads of A

template <class T>
struct MergeArguments {
    AnyVector weight{};  ///< (out, in), rows weight_stride apart
    std::int64_t weight_stride = 0;
    Rows<const T> a{};  ///< (rank, in)
    Rows<const T> b{};  ///< (out, rank)
    Rows<T> merged{};
    std::int64_t out = 0;
    std::int64_t in = 0;
    int rank = 0;
    float scale = 1.0F;
};

/// merged = W + scale * B * A. A thread makes N columns of kTileRows rows: the rank is small, so
/// the product is bound by the memory that W and merged pass through.
template <class T, int N>
__global__ void __launch_bounds__(kThreads) merge(MergeArguments<T> of) {
    const std::int64_t step = std::int64_t{gridDim.x} * kThreads * N;
    const std::int64_t first = std::int64_t{blockIdx.y} * kTileRows;
    for (std::int64_t c = (std::int64_t{blockIdx.x} * kThreads + threadIdx.x) * N; c < of.in;
         c += step) {
        Floats<N> sum[kTileRows];
#pragma unroll
        for (int r = 0; r < kTileRows; ++r) {
#pragma unroll
            for (int i = 0; i < N; ++i) sum[r][i] = 0.0F;
        }
        for (int k = 0; k < of.rank; ++k) {
            const auto a = load<N>(of.a.at(k, c));
#pragma unroll
            for (int r = 0; r < kTileRows; ++r) {
                const std::int64_t row = first + r < of.out ? first + r : of.out - 1;
                const float b = to_float(*of.b.at(row, k));
#pragma unroll
                for (int i = 0; i < N; ++i) sum[r][i] = fmaf(b, a[i], sum[r][i]);
            }
        }
#pragma unroll
        for (int r = 0; r < kTileRows; ++r) {
            if (first + r >= of.out) continue;
            auto value = of.weight.template get<N>((first + r) * of.weight_stride + c);
#pragma unroll
            for (int i = 0; i < N; ++i) value[i] = fmaf(of.scale, sum[r][i], value[i]);
            store<N>(of.merged.at(first + r, c), value);
        }
    }
}

/// scale = magnitude / norm of a row of merged; a block a row. A row of zeros is not scaled.
template <class T, int N>
__global__ void __launch_bounds__(kThreads, 1)
    divide_magnitudes(Rows<const T> merged, std::int64_t out, std::int64_t in, AnyVector magnitude,
                      float* scale) {
    for (std::int64_t row = blockIdx.x; row < out; row += gridDim.x) {
        double sum = 0.0;
        for (std::int64_t c = std::int64_t{threadIdx.x} * N; c < in; c += kThreads * N) {
            const auto value = load<N>(merged.at(row, c));
            float squares = 0.0F;
#pragma unroll
            for (int i = 0; i < N; ++i) squares = fmaf(value[i], value[i], squares);
            sum += static_cast<double>(squares);
        }
        sum = block_sum(sum);
        if (threadIdx.x != 0) continue;
        const float length = sqrtf(static_cast<float>(sum));
        scale[row] = length > 0.0F ? magnitude.get<1>(row)[0] / length : 0.0F;
    }
}

void dora_norm_cuda(const DoraNorm& op, const Launch& launch) {
    const TensorView& weight = launch.in[0];
    const TensorView& a = launch.in[1];
    const TensorView& merged = launch.out[1];
    if (weight.count() == 0) return;
    count_product(launch, weight.rows(), weight.columns(), a.rows());
    with_float(merged.dtype, [&]<class T>(T) {
        const MergeArguments<T> of{.weight = any_vector(weight),
                                   .weight_stride = weight.stride,
                                   .a = rows_of<const T>(a),
                                   .b = rows_of<const T>(launch.in[2]),
                                   .merged = rows_of<T>(merged),
                                   .out = weight.rows(),
                                   .in = weight.columns(),
                                   .rank = static_cast<int>(a.rows()),
                                   .scale = static_cast<float>(op.scale)};
        with_width<T>({&weight, &a, &merged}, [&](auto n) {
            constexpr int kN = decltype(n)::value;
            launch_kernel(merge<T, kN>,
                          {grid_for(divide_up(of.in, kThreads * kN)),
                           static_cast<unsigned>(divide_up(of.out, kTileRows))},
                          {kThreads}, 0, launch.stream, of);
            launch_kernel(divide_magnitudes<T, kN>, {grid_for(of.out)}, {kThreads}, 0,
                          launch.stream, rows_of<const T>(merged), of.out, of.in,
                          any_vector(launch.in[3]), launch.out[0].as<float>());
        });
    });
}

/// dmagnitude = dscale / norm, the norm being magnitude / scale (a magnitude of zero has lost it).
struct MagnitudeGradient {
    AnyVector dscale{};
    AnyVector scale{};
    AnyVector magnitude{};
    AnyVector gradient{};
    bool add = false;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t, std::int64_t i) const {
        static_assert(N == 1);
        const float length = magnitude.get<1>(i)[0];
        const float share = dscale.get<1>(i)[0] * scale.get<1>(i)[0];
        gradient.put(i, length != 0.0F ? share / length : 0.0F, add);
    }
};

void dora_grad_cuda(const DoraGrad& op, const Launch& launch) {
    const MagnitudeGradient body{any_vector(launch.in[0]), any_vector(launch.in[1]),
                                 any_vector(launch.in[2]), any_vector(launch.out[0]),
                                 adds(op.accumulation, launch)};
    launch_rows<1>(launch, {1, 0, launch.out[0].count()}, body);
}

std::string refuse_dora(const Op& op, const Launch& launch) {
    constexpr std::int64_t kMostRows = 65535LL * kTileRows;
    if (launch.in[0].rows() > kMostRows) {
        return "the weight has " + std::to_string(launch.in[0].rows()) +
               " rows; the kernel merges " + std::to_string(kMostRows) + " at most";
    }
    return refuse_f64(op, launch);
}

}  // namespace

void add_dora_cuda_rows(KernelTable& table) {
    set_row<dora_norm_cuda>(table, refuse_dora);
    set_row<dora_grad_cuda>(table, refuse_f64);
}

}  // namespace headroom
