#pragma once

// Sums that several blocks add to in a fixed order: a counter says whose turn it is. A block only
// waits for blocks that took their work before it did, so one that runs always gets on.

#include "kernels/device/simt.h"

namespace headroom::device {

#if defined(__CUDACC__)

/// Waits until `turn` has come. The thread sees what earlier turns wrote before they passed on, and
/// so do the threads that meet it at the next barrier, if they read past L1.
__device__ __forceinline__ void await_turn(const unsigned* at, unsigned turn) {
    while (true) {
        unsigned now = 0;
        asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(at) : "memory");
        if (now == turn) return;
        __nanosleep(32);
    }
}

/// Passes on: what the block wrote before its last barrier is seen by who awaits `turn`.
__device__ __forceinline__ void pass_turn(unsigned* at, unsigned turn) {
    asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(at), "r"(turn) : "memory");
}

struct Pair {
    float x;
    float y;
};
/// Two floats as L2 has them, where other blocks' writes are.
__device__ __forceinline__ Pair read_past_l1(const float* at) {
    const float2 both = __ldcg(reinterpret_cast<const float2*>(at));
    return {both.x, both.y};
}
/// Adds to two floats in L2 without waiting for what was there: only one block does so at a time,
/// so the order of additions is that of the turns.
__device__ __forceinline__ void add_in_memory(float* at, Pair value) {
#if __CUDA_ARCH__ >= 900
    asm volatile("red.relaxed.gpu.global.add.v2.f32 [%0], {%1, %2};" ::"l"(at), "f"(value.x),
                 "f"(value.y)
                 : "memory");
#else
    asm volatile("red.relaxed.gpu.global.add.f32 [%0], %1;" ::"l"(at), "f"(value.x) : "memory");
    asm volatile("red.relaxed.gpu.global.add.f32 [%0], %1;" ::"l"(at + 1), "f"(value.y) : "memory");
#endif
}

#else

inline void await_turn(const unsigned* at, unsigned turn) {
    if (*at != turn) throw simt::Misuse("a block waits for one that has not run");
}
inline void pass_turn(unsigned* at, unsigned turn) { *at = turn; }

struct Pair {
    float x;
    float y;
};
inline Pair read_past_l1(const float* at) { return {at[0], at[1]}; }
inline void add_in_memory(float* at, Pair value) {
    at[0] += value.x;
    at[1] += value.y;
}

#endif

__device__ __forceinline__ void write(float* at, Pair value) {
#if defined(__CUDACC__)
    *reinterpret_cast<float2*>(at) = float2{value.x, value.y};
#else
    at[0] = value.x;
    at[1] = value.y;
#endif
}

}  // namespace headroom::device
