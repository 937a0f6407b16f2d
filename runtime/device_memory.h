#pragma once

#include <cuda_runtime_api.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <type_traits>

#include "runtime/cuda_error.h"
#include "runtime/process_memory.h"

namespace headroom {

// Owners of what the CUDA runtime hands out. Nothing is reported when it goes: by then an error
// has been, or the process ends.
struct CudaDeleter {
    void operator()(cudaStream_t stream) const noexcept { cudaStreamDestroy(stream); }
    void operator()(cudaEvent_t event) const noexcept { cudaEventDestroy(event); }
    void operator()(cudaGraph_t graph) const noexcept { cudaGraphDestroy(graph); }
    void operator()(cudaGraphExec_t graph) const noexcept { cudaGraphExecDestroy(graph); }
};
template <class Handle>
using CudaOwner = std::unique_ptr<std::remove_pointer_t<Handle>, CudaDeleter>;
using DeviceStream = CudaOwner<cudaStream_t>;
using DeviceEvent = CudaOwner<cudaEvent_t>;
using DeviceGraph = CudaOwner<cudaGraph_t>;
using DeviceGraphExec = CudaOwner<cudaGraphExec_t>;

inline DeviceStream make_stream() {
    cudaStream_t stream = nullptr;
    require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
    return DeviceStream(stream);
}
inline DeviceEvent make_event() {
    cudaEvent_t event = nullptr;
    require(cudaEventCreate(&event), "cudaEventCreate");
    return DeviceEvent(event);
}

/// Gives a block back to where it came from.
struct BlockDeleter {
    Place place = Place::device;
    std::size_t size = 0;
    void operator()(std::byte* block) const noexcept {
        switch (place) {
            case Place::device:
                cudaFree(block);
                return;
            case Place::host:
                cudaFreeHost(block);
                return;
            case Place::nvme:
                munmap(block, size);
        }
    }
};
using DeviceBlock = std::unique_ptr<std::byte, BlockDeleter>;

/// Memory of the GPU, on a 512-byte boundary.
inline std::byte* allocate_device(std::size_t size) {
    void* block = nullptr;
    const cudaError_t code = cudaMalloc(&block, size);
    if (code != cudaErrorMemoryAllocation) {
        require(code, "cudaMalloc");
        return static_cast<std::byte*>(block);
    }
    cudaGetLastError();
    std::size_t free = 0;
    std::size_t total = 0;
    require(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    throw OutOfMemory(fmt::format("a block of {} does not fit on the GPU: {} of its {} are free",
                                  to_string(Bytes{static_cast<std::int64_t>(size)}),
                                  to_string(Bytes{static_cast<std::int64_t>(free)}),
                                  to_string(Bytes{static_cast<std::int64_t>(total)})));
}

/// Memory of the host that the GPU copies from and to at full speed.
inline std::byte* allocate_pinned(std::size_t size) {
    void* block = nullptr;
    const cudaError_t code = cudaHostAlloc(&block, size, cudaHostAllocDefault);
    if (code != cudaErrorMemoryAllocation) {
        require(code, "cudaHostAlloc");
        return static_cast<std::byte*>(block);
    }
    cudaGetLastError();
    throw OutOfMemory(fmt::format("{} of pinned host memory are not to be had: {} are available",
                                  to_string(Bytes{static_cast<std::int64_t>(size)}),
                                  to_string(machine_memory().available)));
}

/// A file without a name in $TMPDIR (or /var/tmp), mapped: pages go to the drive and come back as
/// the kernel sees fit.
inline std::byte* allocate_file(std::size_t size) {
    const char* const directory = std::getenv("TMPDIR");
    const std::string path = directory == nullptr ? "/var/tmp" : directory;
    const int file = open(path.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
    const bool there = file >= 0 && posix_fallocate(file, 0, static_cast<off_t>(size)) == 0;
    void* const block =
        there ? mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
    if (file >= 0) close(file);
    if (block != MAP_FAILED) return static_cast<std::byte*>(block);
    throw OutOfMemory(fmt::format("a file of {} does not fit in {}",
                                  to_string(Bytes{static_cast<std::int64_t>(size)}), path));
}

/// Throws OutOfMemory, with what is needed and what is there.
inline DeviceBlock allocate_block(Bytes bytes, Place place) {
    const auto size = static_cast<std::size_t>(std::max<std::int64_t>(bytes.count(), 1));
    const BlockDeleter deleter{.place = place, .size = size};
    switch (place) {
        case Place::device:
            return {allocate_device(size), deleter};
        case Place::host:
            return {allocate_pinned(size), deleter};
        default:
            return {allocate_file(size), deleter};
    }
}

}  // namespace headroom
