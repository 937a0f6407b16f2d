#pragma once

// Vectors whose dtype is known when a kernel runs: where one kernel for all dtypes is worth more
// than a branch that a whole warp takes alike.

#include "kernels/device/vec.cuh"

namespace headroom::device {

struct AnyVector {
    std::byte* data = nullptr;
    DType dtype = DType::f32;

    /// N elements from i on; they lie where they can be read at once.
    template <int N>
    [[nodiscard]] __device__ __forceinline__ Floats<N> get(std::int64_t i) const {
        switch (dtype) {
            case DType::bf16:
                return load<N>(reinterpret_cast<const Bf16*>(data) + i);
            case DType::f16:
                return load<N>(reinterpret_cast<const F16*>(data) + i);
            default:
                return load<N>(reinterpret_cast<const float*>(data) + i);
        }
    }
    template <int N>
    __device__ __forceinline__ void set(std::int64_t i, const Floats<N>& value) const {
        switch (dtype) {
            case DType::bf16:
                return store<N>(reinterpret_cast<Bf16*>(data) + i, value);
            case DType::f16:
                return store<N>(reinterpret_cast<F16*>(data) + i, value);
            default:
                return store<N>(reinterpret_cast<float*>(data) + i, value);
        }
    }
    /// The i-th becomes `value`, or what it was and `value`.
    __device__ __forceinline__ void put(std::int64_t i, float value, bool add) const {
        set<1>(i, {add ? get<1>(i)[0] + value : value});
    }
};
inline AnyVector any_vector(const TensorView& view) { return {view.data, view.dtype}; }

}  // namespace headroom::device
