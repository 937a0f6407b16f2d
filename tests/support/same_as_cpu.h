#pragma once

#include <algorithm>
#include <cmath>
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

/// Forward and backward of a case on `device`, a backend or a table of kernels for this process's
/// memory, and with the CPU's kernels: the same up to the last places of the dtype.
template <class Device>
void check_same_as_cpu(const OpCase& c, Device& device) {
    struct Row {
        DType dtype;
        double tolerance;
    };
    for (const auto& [dtype, tolerance] :
         {Row{DType::f32, 3e-6}, Row{DType::bf16, 8e-3}, Row{DType::f16, 1e-3}}) {
        const OpResult expected = run(c, dtype);
        const OpResult found = run(c, dtype, device);
        CHECK(found.counted.matrix == expected.counted.matrix);
        for (std::size_t i = 0; i < expected.outputs.size(); ++i) {
            INFO(name(c.op) << " " << name(dtype) << " output " << i);
            CHECK(relative_difference(found.outputs[i], expected.outputs[i]) <= tolerance);
        }
        for (std::size_t i = 0; i < expected.gradients.size(); ++i) {
            INFO(name(c.op) << " " << name(dtype) << " gradient of input " << i);
            CHECK(relative_difference(found.gradients[i], expected.gradients[i]) <= tolerance);
        }
    }
}

}  // namespace headroom::test
