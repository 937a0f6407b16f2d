#pragma once

#include "kernels/device/mma.cuh"
#include "kernels/device/vec.cuh"

namespace headroom::device {

/// What a thread reads next, on its way to shared memory while it works: a multiprocessor needs
/// some 40 KiB under way to use the memory's whole bandwidth, more than threads have registers for.
/// A thread copies what it reads itself, kChunks times 16 bytes a step, and waits for nobody.
template <int kChunks, int kSlots, int kThreads>
class LaneAhead {
public:
    using Ring = SharedArray<Chunk<16>, kSlots * kChunks * kThreads>;
    static constexpr int kSteps = kSlots;

    __device__ __forceinline__ LaneAhead(Ring& ring, int thread) : mine_(ring.data() + thread) {}

    /// Starts to copy a piece of the step that is kSlots after the one that the thread is at.
    __device__ __forceinline__ void copy(int chunk, const void* from, bool there) {
        copies_.copy16(SharedAddress(at(chunk)), from, there);
    }
    /// Ends a step and its copies, which may be none.
    __device__ __forceinline__ void next() {
        copies_.commit();
        slot_ = slot_ + 1 == kSlots ? 0 : slot_ + 1;
    }
    /// Until the pieces of the step that the thread is at have come.
    __device__ __forceinline__ void wait() { copies_.template wait<kSlots - 1>(); }
    /// Until nothing is under way.
    __device__ __forceinline__ void finish() { copies_.template wait<0>(); }
    [[nodiscard]] __device__ __forceinline__ Chunk<16>* at(int chunk) const {
        return mine_ + (slot_ * kChunks + chunk) * kThreads;
    }

private:
    Chunk<16>* mine_;
    int slot_ = 0;
    AsyncCopies copies_{};
};

}  // namespace headroom::device
