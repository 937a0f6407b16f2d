#pragma once

#include <omp.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "tests/kernels/call.h"

namespace headroom::test {

/// All that a kernel can be told besides its operands.
struct Told {
    StepScalars scalars{};
    std::int32_t layer = 3;
    bool first_micro_step = true;
    std::size_t workspace = 1 << 16;  ///< bytes
};

/// Runs an op's CPU kernel on its own; returns the scalars with what it added to them.
inline StepScalars tell(const Op& op, const std::vector<TensorView>& in,
                        const std::vector<TensorView>& out, const Told& told = {}) {
    StepScalars scalars = told.scalars;
    std::vector<std::byte> bytes(told.workspace);
    Launch launch{.in = in,
                  .out = out,
                  .scalars = &scalars,
                  .results = &scalars,
                  .layer = told.layer,
                  .first_micro_step = told.first_micro_step};
    launch.workspace.shape = {static_cast<std::int64_t>(bytes.size())};
    launch.workspace.dtype = DType::u8;
    launch.workspace.data = bytes.data();
    launch.workspace.stride = static_cast<std::int64_t>(bytes.size());
    cpu_table()[op].run(op, launch);
    return scalars;
}

/// What `run` returns with 1, 2 and 5 threads.
template <class Run>
auto by_threads(const Run& run) {
    std::vector<decltype(run())> results;
    const int before = omp_get_max_threads();
    for (const int threads : {1, 2, 5}) {
        omp_set_num_threads(threads);
        results.push_back(run());
    }
    omp_set_num_threads(before);
    return results;
}

}  // namespace headroom::test
