#include <algorithm>

#include "kernels/cuda_table.h"
#include "kernels/device/refuse.h"
#include "kernels/device/rows.cuh"
#include "kernels/nf4.h"
#include "planner/step/op/quantize.h"

namespace headroom {
namespace {

using namespace device;

constexpr int kThreads = 256;
constexpr int kPack = 8;  ///< weights of a thread: 4 bytes of codes

/// The values that codes stand for, as a kernel is given them.
struct CodeValues {
    float nf4[16];
    float dynamic[256];
};
CodeValues code_values() {
    CodeValues values{};
    std::copy(kNf4Values.begin(), kNf4Values.end(), values.nf4);
    std::copy(kDynamicValues.begin(), kDynamicValues.end(), values.dynamic);
    return values;
}

/// What 64 weights were divided by: kept as it was, or in 8 bits times a super scale, less a mean.
struct Scales {
    const float* plain = nullptr;
    const std::uint8_t* code = nullptr;
    const float* super = nullptr;
    const float* mean = nullptr;
    __device__ __forceinline__ float of(std::int64_t block, const float* dynamic) const {
        if (plain != nullptr) return plain[block];
        return dynamic[code[block]] * super[block / kNf4SuperBlock] + *mean;
    }
};

Scales scales_of(const Launch& launch) {
    if (launch.in.size() == 2) return {.plain = launch.in[1].as<const float>()};
    return {.code = launch.in[1].as<const std::uint8_t>(),
            .super = launch.in[2].as<const float>(),
            .mean = launch.in[3].as<const float>()};
}

/// Eight weights a thread; the last ones of a tensor one by one.
template <class T>
__global__ void __launch_bounds__(kThreads)
    dequantize(const std::uint8_t* codes, Scales scales, T* weights, std::int64_t count, bool wide,
               const __grid_constant__ CodeValues given) {
    __shared__ SharedArray<float, 16> nf4;
    __shared__ SharedArray<float, 256> dynamic;
    const int thread = static_cast<int>(threadIdx.x);
    if (thread < 16) nf4[thread] = given.nf4[thread];
    dynamic[thread] = given.dynamic[thread];
    __syncthreads();
    const std::int64_t step = std::int64_t{gridDim.x} * kThreads * kPack;
    for (std::int64_t i = (std::int64_t{blockIdx.x} * kThreads + thread) * kPack; i < count;
         i += step) {
        const float scale = scales.of(i / kNf4Block, dynamic.data());
        if (wide && i + kPack <= count) {
            const auto pairs = load_vec<kPack / 2>(codes + i / 2);
            Floats<kPack> value;
#pragma unroll
            for (int k = 0; k < kPack / 2; ++k) {
                value[2 * k] = nf4[pairs[k] >> 4] * scale;
                value[2 * k + 1] = nf4[pairs[k] & 15] * scale;
            }
            store<kPack>(weights + i, value);
        } else {
            const std::int64_t end = i + kPack < count ? i + kPack : count;
            for (std::int64_t k = i; k < end; ++k) {
                const int pair = codes[k / 2];
                weights[k] = from_float<T>(nf4[k % 2 == 0 ? pair >> 4 : pair & 15] * scale);
            }
        }
    }
}

void dequantize_cuda(const Dequantize&, const Launch& launch) {
    const TensorView& weights = launch.out[0];
    const std::int64_t count = weights.count();
    if (count == 0) return;
    const bool wide = starts_aligned(kPack, {&launch.in[0], &weights});
    with_float(weights.dtype, [&]<class T>(T) {
        launch_kernel(dequantize<T>, {grid_for(divide_up(count, kThreads * kPack))}, {kThreads}, 0,
                      launch.stream, launch.in[0].as<const std::uint8_t>(), scales_of(launch),
                      weights.as<T>(), count, wide, code_values());
    });
}

}  // namespace

void add_quantize_cuda_rows(KernelTable& table) { set_row<dequantize_cuda>(table, refuse_f64); }

}  // namespace headroom
