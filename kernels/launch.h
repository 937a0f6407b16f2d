#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "planner/step/op/fields.h"
#include "planner/step/step_scalars.h"
#include "planner/step/tensor.h"

namespace headroom {

/// A tensor as a kernel sees it: where it lies and how. Rows are runs of the last extent; `stride`
/// elements lie from one row to the next (more than a row holds when it is a block of columns).
struct TensorView : TensorSpec {
    std::byte* data = nullptr;
    std::int64_t stride = 0;
    Place place = Place::device;

    template <class T>
    [[nodiscard]] T* as() const {
        return reinterpret_cast<T*>(data);
    }
    /// Elements of a row, and rows: (B, H, T, T) has B * H * T rows.
    [[nodiscard]] std::int64_t columns() const { return shape.rank() == 0 ? 1 : shape.back(); }
    [[nodiscard]] std::int64_t rows() const { return columns() == 0 ? 0 : count() / columns(); }
    [[nodiscard]] std::int64_t count() const {
        std::int64_t product = 1;
        for (const auto extent : shape.extents()) product *= extent;
        return product;
    }
    [[nodiscard]] bool contiguous() const { return stride == columns(); }
};

/// Matrix and vector FLOPs as a kernel's loops counted them, and what it read and wrote.
struct WorkCounter {
    std::int64_t matrix = 0;
    std::int64_t vector = 0;
    std::int64_t padding = 0;  ///< FLOPs where whole tiles reach beyond matrices
};

/// Everything a kernel is given. It owns nothing and allocates nothing.
struct Launch {
    std::span<const TensorView> in{};
    std::span<const TensorView> out{};
    TensorView workspace{};                ///< for any kernel, undefined at its start
    const StepScalars* scalars = nullptr;  ///< in the device's memory
    StepScalars* results = nullptr;        ///< the same block, for what kernels add to it
    std::int32_t layer = -1;
    bool first_micro_step = true;  ///< add_after_first overwrites
    WorkCounter* work = nullptr;   ///< CPU: counted in the loops; GPU: from what was launched
    void* stream = nullptr;        ///< cudaStream_t
    void* library = nullptr;       ///< the backend's matrix library (cuBLASLt)
};

/// Whether a gradient is added to what is there.
[[nodiscard]] inline bool adds(Accumulation accumulation, const Launch& launch) {
    return accumulation == Accumulation::add ||
           (accumulation == Accumulation::add_after_first && !launch.first_micro_step);
}

/// Adds the FLOPs of a product of (m, k) and (k, n).
inline void count_product(const Launch& launch, std::int64_t m, std::int64_t n, std::int64_t k) {
    if (launch.work != nullptr) launch.work->matrix += 2 * m * n * k;
}
/// Adds what tiles of `executed` FLOPs compute beyond the `counted` ones.
inline void count_padding(const Launch& launch, std::int64_t executed, std::int64_t counted) {
    if (launch.work != nullptr) launch.work->padding += executed - counted;
}

}  // namespace headroom
