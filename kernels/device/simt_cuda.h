#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "kernels/device/cuda_check.h"

namespace headroom {

/// Blocks of a grid or threads of a block.
struct Extent3 {
    unsigned x = 1;
    unsigned y = 1;
    unsigned z = 1;
};

namespace simt {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xFFFFFFFFU;

}  // namespace simt

/// N values in shared memory.
template <class T, int N>
struct SharedArray {
    T value[N];
    __device__ __forceinline__ T& operator[](int i) { return value[i]; }
    __device__ __forceinline__ const T& operator[](int i) const { return value[i]; }
    __device__ __forceinline__ T* data() { return value; }
};

/// The dynamic shared memory of the launch.
template <class T>
__device__ __forceinline__ T* shared_memory() {
    extern __shared__ __align__(128) unsigned char headroom_shared[];
    return reinterpret_cast<T*>(headroom_shared);
}

namespace simt {

inline int attribute(cudaDeviceAttr which) {
    int device = 0;
    int value = 0;
    check(cudaGetDevice(&device));
    check(cudaDeviceGetAttribute(&value, which, device));
    return value;
}

/// Lifts a kernel's limit of 48 KiB as far as the device goes. Not as far as one launch asks:
/// another one's smaller limit would hold for a recorded launch of it.
template <class... Parameters>
void allow_all_shared_memory(void (*kernel)(Parameters...)) {
    cudaFuncAttributes own{};
    check(cudaFuncGetAttributes(&own, kernel));
    const int most = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               most - static_cast<int>(own.sharedSizeBytes)));
}

}  // namespace simt

/// Streaming multiprocessors of the current device.
inline int processors() { return simt::attribute(cudaDevAttrMultiProcessorCount); }
/// Bytes of dynamic shared memory that a block may ask for.
inline std::size_t shared_bytes_limit() {
    return static_cast<std::size_t>(simt::attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
}

/// Puts a kernel on the stream; throws CudaError when the launch itself is refused.
template <class... Parameters, class... Arguments>
void launch_kernel(void (*kernel)(Parameters...), Extent3 grid, Extent3 block,
                   std::size_t shared_bytes, void* stream, Arguments&&... arguments) {
    constexpr std::size_t kUnasked = 32 * 1024;  // of 48 KiB, less what the kernel has as static
    if (shared_bytes > kUnasked) simt::allow_all_shared_memory(kernel);
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(grid.x, grid.y, grid.z);
    config.blockDim = dim3(block.x, block.y, block.z);
    config.dynamicSmemBytes = shared_bytes;
    config.stream = static_cast<cudaStream_t>(stream);
    check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...));
    check(cudaGetLastError());
}

/// Sets bytes on the stream.
inline void fill_bytes(void* stream, void* to, std::uint8_t value, std::size_t bytes) {
    if (bytes == 0) return;
    check(cudaMemsetAsync(to, value, bytes, static_cast<cudaStream_t>(stream)));
}

/// Copies bytes on the stream, between any two places.
inline void copy_bytes(void* stream, void* to, const void* from, std::size_t bytes) {
    if (bytes == 0) return;
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, static_cast<cudaStream_t>(stream)));
}

/// Blocks of so many threads that a multiprocessor runs at once, without dynamic shared memory.
template <class... Parameters>
int resident_blocks(void (*kernel)(Parameters...), int threads) {
    int blocks = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, threads, 0));
    return blocks > 0 ? blocks : 1;
}

}  // namespace headroom
