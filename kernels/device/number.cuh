#pragma once

// Storage types on the device. They are computed in float; a value is rounded, to nearest even,
// when it is stored.

#include <string>

#include "kernels/device/simt.h"
#include "kernels/kernel_table.h"
#include "planner/base/dtype.h"
#include "planner/base/error.h"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#else
#include "kernels/cpu/number.h"
#endif

namespace headroom::device {

#if defined(__CUDACC__)

using Bf16 = __nv_bfloat16;
using F16 = __half;

__device__ __forceinline__ float to_float(Bf16 x) { return __bfloat162float(x); }
__device__ __forceinline__ float to_float(F16 x) { return __half2float(x); }

#else

using Bf16 = BFloat16;
using F16 = Float16;

inline float to_float(Bf16 x) { return static_cast<float>(x); }
inline float to_float(F16 x) { return static_cast<float>(x); }

#endif

__device__ __forceinline__ float to_float(float x) { return x; }

/// x as T stores it.
template <class T>
__device__ __forceinline__ T from_float(float x) {
#if defined(__CUDACC__)
    if constexpr (std::is_same_v<T, Bf16>) {
        return __float2bfloat16_rn(x);
    } else if constexpr (std::is_same_v<T, F16>) {
        return __float2half_rn(x);
    } else {
        return x;
    }
#else
    return static_cast<T>(x);
#endif
}

/// x after a round trip through T.
template <class T>
__device__ __forceinline__ float rounded(float x) {
    return to_float(from_float<T>(x));
}

/// Calls visit(T{}) with the device's storage type of a floating dtype.
template <class Visit>
void with_float(DType dtype, const Visit& visit) {
    switch (dtype) {
        case DType::f32:
            return visit(float{});
        case DType::bf16:
            return visit(Bf16{});
        case DType::f16:
            return visit(F16{});
        default:
            throw InternalError("no CUDA kernel computes on " + std::string(name(dtype)));
    }
}

/// As with_float, for an operand that is either f32 or of the main type T.
template <class T, class Visit>
void with_float_or(DType dtype, const Visit& visit) {
    if (dtype == DType::f32) return visit(float{});
    with_float(dtype, [&](auto other) {
        if constexpr (std::is_same_v<decltype(other), T>) {
            visit(T{});
        } else {
            throw InternalError("operands of two 16-bit dtypes in one CUDA kernel");
        }
    });
}

}  // namespace headroom::device
