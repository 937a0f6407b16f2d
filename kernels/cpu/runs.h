#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/convert.h"
#include "kernels/cpu/number.h"
#include "planner/base/dtype.h"

namespace headroom {

/// Fewer elements than this are worked on by one thread.
inline constexpr std::int64_t kParallelElements = 1 << 14;

/// The dtype that T stores.
template <class T>
inline constexpr DType kDTypeOf = std::is_same_v<T, double>     ? DType::f64
                                  : std::is_same_v<T, float>    ? DType::f32
                                  : std::is_same_v<T, BFloat16> ? DType::bf16
                                                                : DType::f16;

/// Stored numbers that lie side by side, as they are computed on.
template <class T>
void load_run(const T* from, std::int64_t count, Compute<T>* to) {
    if constexpr (std::is_same_v<T, Compute<T>>) {
        std::copy_n(from, count, to);
    } else {
        load_floats(kDTypeOf<T>, reinterpret_cast<const std::byte*>(from), count, to);
    }
}

/// Computed numbers as T stores them, rounded once.
template <class T>
void store_run(const Compute<T>* from, std::int64_t count, T* to) {
    if constexpr (std::is_same_v<T, Compute<T>>) {
        std::copy_n(from, count, to);
    } else {
        store_floats(kDTypeOf<T>, from, count, reinterpret_cast<std::byte*>(to));
    }
}

}  // namespace headroom
