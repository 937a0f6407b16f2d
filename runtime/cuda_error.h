#pragma once

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "runtime/backend.h"

namespace headroom {

/// Whether the process can do nothing more with its GPU after this.
inline bool is_lost(cudaError_t code) {
    switch (code) {
        case cudaErrorIllegalAddress:
        case cudaErrorIllegalInstruction:
        case cudaErrorMisalignedAddress:
        case cudaErrorInvalidAddressSpace:
        case cudaErrorInvalidPc:
        case cudaErrorLaunchFailure:
        case cudaErrorLaunchTimeout:
        case cudaErrorHardwareStackError:
        case cudaErrorAssert:
        case cudaErrorECCUncorrectable:
        case cudaErrorNvlinkUncorrectable:
        case cudaErrorDevicesUnavailable:
            return true;
        default:
            return false;
    }
}

/// "cudaMalloc: out of memory (cudaErrorMemoryAllocation)".
inline std::string cuda_sentence(std::string_view call, cudaError_t code) {
    return fmt::format("{}: {} ({}){}", call, cudaGetErrorString(code), cudaGetErrorName(code),
                       is_lost(code) ? "; the GPU is lost to this process" : "");
}

/// Throws DeviceError unless the call succeeded.
inline void require(cudaError_t code, std::string_view call) {
    if (code == cudaSuccess) return;
    cudaGetLastError();  // an error that has been reported is not reported again
    throw DeviceError(cuda_sentence(call, code));
}

}  // namespace headroom
