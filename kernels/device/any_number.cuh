#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device/number.cuh"
#include "kernels/launch.h"

namespace headroom::device {

/// A parameter or its gradient, of any floating dtype but f64.
struct Numbers {
    std::byte* data = nullptr;
    DType dtype = DType::f32;
    std::int64_t stride = 0;

    __device__ __forceinline__ float read(std::int64_t row, std::int64_t column) const {
        const std::int64_t i = row * stride + column;
        if (dtype == DType::f32) return reinterpret_cast<const float*>(data)[i];
        if (dtype == DType::bf16) return to_float(reinterpret_cast<const Bf16*>(data)[i]);
        return to_float(reinterpret_cast<const F16*>(data)[i]);
    }
    __device__ __forceinline__ void write(std::int64_t row, std::int64_t column, float x) const {
        const std::int64_t i = row * stride + column;
        if (dtype == DType::f32) {
            reinterpret_cast<float*>(data)[i] = x;
        } else if (dtype == DType::bf16) {
            reinterpret_cast<Bf16*>(data)[i] = from_float<Bf16>(x);
        } else {
            reinterpret_cast<F16*>(data)[i] = from_float<F16>(x);
        }
    }
    /// Writes x or adds it to what is there.
    __device__ __forceinline__ void give(std::int64_t row, std::int64_t column, float x,
                                         bool added) const {
        write(row, column, added ? read(row, column) + x : x);
    }
};
inline Numbers numbers_of(const TensorView* view) {
    if (view == nullptr) return {};
    return {view->data, view->dtype, view->stride};
}

}  // namespace headroom::device
