#pragma once

// Sums and maxima over a warp or a block, in an order that depends on the block's size alone.

#include "kernels/device/simt.h"

namespace headroom::device {

struct Plus {
    template <class T>
    __device__ __forceinline__ T operator()(T a, T b) const {
        return a + b;
    }
};
struct Maximum {
    template <class T>
    __device__ __forceinline__ T operator()(T a, T b) const {
        return a < b ? b : a;
    }
};

/// Every lane gets the result.
template <class T, class Op>
__device__ __forceinline__ T warp_reduce(T value, Op op) {
#pragma unroll
    for (int lanes = simt::kWarp / 2; lanes > 0; lanes /= 2) {
        value = op(value, __shfl_xor_sync(simt::kAllLanes, value, lanes));
    }
    return value;
}
template <class T>
__device__ __forceinline__ T warp_sum(T value) {
    return warp_reduce(value, Plus{});
}
template <class T>
__device__ __forceinline__ T warp_max(T value) {
    return warp_reduce(value, Maximum{});
}

/// A block's threads in a row, whatever its shape.
__device__ __forceinline__ int thread_rank() {
    return static_cast<int>(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z));
}
__device__ __forceinline__ int thread_count() {
    return static_cast<int>(blockDim.x * blockDim.y * blockDim.z);
}

/// Every thread of the block gets the result; all must call. `identity` op x = x.
template <class T, class Op>
__device__ __forceinline__ T block_reduce(T value, Op op, T identity) {
    __shared__ SharedArray<T, simt::kWarp> part;
    const int lane = thread_rank() % simt::kWarp;
    const int warps = thread_count() / simt::kWarp;
    value = warp_reduce(value, op);
    if (warps == 1) return value;
    __syncthreads();  // the result of the call before has been read
    if (lane == 0) part[thread_rank() / simt::kWarp] = value;
    __syncthreads();
    return warp_reduce(lane < warps ? part[lane] : identity, op);
}
template <class T>
__device__ __forceinline__ T block_sum(T value) {
    return block_reduce(value, Plus{}, T{});
}

/// Reductions of a block's values again and again, `kValues` at a time: each meets at one barrier,
/// because two take turns in shared memory. T{} op x = x.
template <class T, int kValues, class Op>
class BlockReductions {
public:
    /// Every thread gets the results; all must call.
    __device__ __forceinline__ void reduce(T (&value)[kValues]) {
        __shared__ SharedArray<T, 2 * kValues * simt::kWarp> part;
        const int lane = thread_rank() % simt::kWarp;
        const int warps = thread_count() / simt::kWarp;
#pragma unroll
        for (T& x : value) x = warp_reduce(x, Op{});
        if (warps == 1) return;
        const int first = turn_ * kValues * simt::kWarp;
        turn_ ^= 1;
        if (lane == 0) {
#pragma unroll
            for (int i = 0; i < kValues; ++i) {
                part[first + i * simt::kWarp + thread_rank() / simt::kWarp] = value[i];
            }
        }
        __syncthreads();
#pragma unroll
        for (int i = 0; i < kValues; ++i) {
            value[i] = warp_reduce(lane < warps ? part[first + i * simt::kWarp + lane] : T{}, Op{});
        }
    }

private:
    int turn_ = 0;
};

template <int kValues>
using BlockSums = BlockReductions<float, kValues, Plus>;

}  // namespace headroom::device
