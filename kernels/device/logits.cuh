#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/device/simt.h"

namespace headroom::device {

/// Threads of a block that reads one row of logits: a vocabulary keeps this many busy.
inline constexpr int kLogitThreads = 512;

/// What happens to logits before the softmax: z -> cap * tanh(scale * z / cap).
struct Shaping {
    float scale = 1.0F;
    float cap = 0.0F;

    template <class AnyLoss>
    static Shaping of(const AnyLoss& op) {
        return {static_cast<float>(op.scale), static_cast<float>(op.softcap)};
    }
    __device__ __forceinline__ float operator()(float z) const {
        return cap > 0.0F ? cap * tanhf(scale * z / cap) : scale * z;
    }
    /// d(shaped)/d(z), from what z became.
    __device__ __forceinline__ float slope(float shaped) const {
        if (cap <= 0.0F) return scale;
        const float part = shaped / cap;
        return scale * (1.0F - part * part);
    }
};

/// e^x
__device__ __forceinline__ float exponential(float x) {
    constexpr float kLog2E = 1.44269504F;
    return exp2f(x * kLog2E);
}

}  // namespace headroom::device
