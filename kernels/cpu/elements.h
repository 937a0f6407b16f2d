#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/number.h"
#include "kernels/cpu/runs.h"
#include "kernels/launch.h"

namespace headroom {

/// What a stored value is computed as.
template <class T>
Compute<T> load(T value) {
    return static_cast<Compute<T>>(value);
}
/// A computed value as it is stored: rounded once.
template <class T, class V>
T store(V value) {
    return static_cast<T>(static_cast<Compute<T>>(value));
}

/// Elements as rows of one length; one long row where nothing lies between the rows.
struct Grid {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
};

/// How to walk views of one shape together.
template <class... Views>
Grid grid(const TensorView& first, const Views&... others) {
    if ((first.contiguous() && ... && others.contiguous())) return {1, first.count()};
    return {first.rows(), first.columns()};
}

/// Elements that follow each other in memory.
struct Run {
    std::int64_t row = 0;
    std::int64_t column = 0;
    std::int64_t count = 0;
};

/// Calls body(run) for all elements of a grid, runs of at most 4096 spread over the threads.
template <class Body>
void for_each_run(const Grid& grid, const Body& body) {
    constexpr std::int64_t kRun = 4096;
    const std::int64_t pieces = (grid.columns + kRun - 1) / kRun;
    const std::int64_t runs = grid.rows * pieces;
#pragma omp parallel for schedule(static) if (grid.rows * grid.columns >= kParallelElements)
    for (std::int64_t i = 0; i < runs; ++i) {
        const std::int64_t column = i % pieces * kRun;
        body(Run{i / pieces, column, std::min(kRun, grid.columns - column)});
    }
}

/// Where a run begins.
template <class T>
T* at(const TensorView& view, const Run& run) {
    return view.as<T>() + run.row * view.stride + run.column;
}
/// Where a row begins.
template <class T>
T* row(const TensorView& view, std::int64_t index) {
    return view.as<T>() + index * view.stride;
}

/// How many T the workspace holds.
template <class T>
std::int64_t scratch_capacity(const Launch& launch) {
    if (launch.workspace.data == nullptr) return 0;
    return bytes(launch.workspace).count() / static_cast<std::int64_t>(sizeof(T));
}

inline void count_vector(const Launch& launch, std::int64_t flops) {
    if (launch.work != nullptr) launch.work->vector += flops;
}

}  // namespace headroom
