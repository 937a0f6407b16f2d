#pragma once

#include <cuda_runtime_api.h>

#include <source_location>
#include <stdexcept>
#include <string>

namespace headroom {

/// The CUDA runtime refused something.
class CudaError : public std::runtime_error {
public:
    CudaError(cudaError_t code, const std::source_location& at)
        : std::runtime_error(std::string(at.file_name()) + ":" + std::to_string(at.line()) + ": " +
                             cudaGetErrorName(code) + ": " + cudaGetErrorString(code)),
          code_(code) {}
    [[nodiscard]] cudaError_t code() const { return code_; }

private:
    cudaError_t code_;
};

inline void check(cudaError_t code,
                  const std::source_location& at = std::source_location::current()) {
    if (code != cudaSuccess) throw CudaError(code, at);
}

}  // namespace headroom
