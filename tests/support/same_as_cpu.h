#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {

/// |found - expected| over |expected|; where both hold the same infinity or NaN they agree.
inline double relative_difference(const std::vector<double>& found,
                                  const std::vector<double>& expected) {
    REQUIRE(found.size() == expected.size());
    double difference = 0.0;
    double norm = 0.0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const bool both_nan = std::isnan(found[i]) && std::isnan(expected[i]);
        if (found[i] == expected[i] || both_nan) continue;
        difference += (found[i] - expected[i]) * (found[i] - expected[i]);
    }
    for (const double value : expected) norm += std::isfinite(value) ? value * value : 0.0;
    return difference == 0.0 ? 0.0 : std::sqrt(difference / std::max(norm, 1e-30));
}

inline std::string first_shape(const OpCase& c) {
    return c.inputs.empty() ? "nothing" : to_string(c.inputs.front().shape);
}

/// How far a tensor may be off, by the dtype in which it is stored.
struct Tolerances {
    double f32;
    double bf16;
    double f16;
    [[nodiscard]] double of(DType dtype) const {
        return dtype == DType::f32 ? f32 : dtype == DType::bf16 ? bf16 : f16;
    }
};
/// Sums are taken in another order and rounded once.
inline constexpr Tolerances kSumTolerances{.f32 = 3e-6, .bf16 = 8e-3, .f16 = 1e-3};
/// Every device computes the same, in the same order or in one that does not matter.
inline constexpr Tolerances kSameBits{.f32 = 0.0, .bf16 = 0.0, .f16 = 0.0};
/// Probabilities are rounded to 16 bits between the two products, on the GPU unnormalized.
inline constexpr Tolerances kAttentionTolerances{.f32 = 1e-5, .bf16 = 1e-2, .f16 = 2e-3};

inline void check_close(const OpResult& found, const OpResult& expected, double tolerance) {
    CHECK(found.counted.matrix == expected.counted.matrix);
    for (std::size_t i = 0; i < expected.outputs.size(); ++i) {
        INFO("output " << i);
        CHECK(relative_difference(found.outputs[i], expected.outputs[i]) <= tolerance);
    }
    for (std::size_t i = 0; i < expected.gradients.size(); ++i) {
        INFO("gradient of input " << i);
        CHECK(relative_difference(found.gradients[i], expected.gradients[i]) <= tolerance);
    }
}

/// Forward and backward of a case on `device`, a backend or a table of kernels for this process's
/// memory, and with the CPU's kernels: the same up to the last places of the dtype.
template <class Device>
void check_same_as_cpu(const OpCase& c, Device& device,
                       const Tolerances& tolerances = kSumTolerances) {
    for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
        INFO(name(c.op) << " of " << first_shape(c) << " " << name(dtype));
        const OpResult expected = run(c, dtype);
        check_close(run(c, dtype, device), expected, tolerances.of(dtype));
    }
}

}  // namespace headroom::test
