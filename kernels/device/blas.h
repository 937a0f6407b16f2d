#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/device/blas_layout.h"

namespace headroom {

/// cuBLASLt refused a product, or knows no algorithm for it.
class BlasError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// How f32 factors are multiplied: as they are, or rounded to TF32.
enum class F32Products : std::uint8_t { exact, tf32 };

/// cuBLASLt with memory that it is given and algorithms that do not depend on timing: for every
/// layout the first that the heuristic names, without sums whose order could change from run to
/// run. A product may be recorded into a CUDA graph once its layout has been seen.
class BlasLibrary {
public:
    explicit BlasLibrary(F32Products f32 = F32Products::exact);
    ~BlasLibrary();
    BlasLibrary(const BlasLibrary&) = delete;
    BlasLibrary& operator=(const BlasLibrary&) = delete;

    /// Launches the product on the stream and gives the FLOPs that its tiles execute. `workspace`
    /// is device memory on a 256-byte boundary.
    std::int64_t multiply(const Gemm& gemm, const TensorView& workspace, void* stream);
    /// Puts a kernel of ours, which takes the library's place, among the choices.
    void note(const BlasChoice& choice);
    /// The algorithms in use, in the order in which their layouts came.
    [[nodiscard]] const std::vector<BlasChoice>& choices() const;
    /// "cuBLASLt 13.0.2".
    [[nodiscard]] static std::string version();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Launches a product with the launch's library, and counts it.
inline void multiply_counted(const Gemm& gemm, const TensorView& workspace, const Launch& launch) {
    auto& library = *static_cast<BlasLibrary*>(launch.library);
    const std::int64_t executed = library.multiply(gemm, workspace, launch.stream);
    if (launch.work == nullptr) return;
    launch.work->matrix += flops_of(gemm);
    launch.work->padding += executed - flops_of(gemm);
}

/// Copies device memory to the host and waits for it. Throws BlasError while the stream is being
/// recorded into a graph, since what is computed then is not known yet.
void fetch(void* stream, void* to, const void* from, std::size_t bytes);

}  // namespace headroom
