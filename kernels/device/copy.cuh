#pragma once

#include "kernels/device/rows.cuh"
#include "planner/base/error.h"

namespace headroom::device {

/// to += from
template <class T>
struct AddElements {
    Rows<const T> from{};
    Rows<T> to{};
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        auto sum = load<N>(to.at(row, column));
        const auto term = load<N>(from.at(row, column));
#pragma unroll
        for (int i = 0; i < N; ++i) sum[i] += term[i];
        store<N>(to.at(row, column), sum);
    }
};

/// to[row] = from[row % rows], column by column the same way: what is shorter repeats.
template <class T>
struct RepeatElements {
    Rows<const T> from{};
    Divisor rows{};
    Divisor columns{};
    Rows<T> to{};
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        store_vec<N>(to.at(row, column),
                     load_vec<N>(from.at(rows.remainder(row), columns.remainder(column))));
    }
};

/// Calls visit with an integer as wide as an element: copying does not care what it means.
template <class Visit>
void with_element(DType dtype, const Visit& visit) {
    switch (bits(dtype)) {
        case 8:
            return visit(std::uint8_t{});
        case 16:
            return visit(std::uint16_t{});
        case 32:
            return visit(std::uint32_t{});
        case 64:
            return visit(std::uint64_t{});
        default:
            throw InternalError("no CUDA kernel copies rows of " + std::string(name(dtype)));
    }
}

/// to = from, row by row: the rows and columns of `from` repeat or are cut off to fill `to`.
inline void copy_rows(const Launch& launch, const TensorView& from, const TensorView& to) {
    if (to.count() == 0) return;
    const Columns all{to.rows(), 0, to.columns()};
    with_element(to.dtype, [&]<class T>(T) {
        const RepeatElements<T> body{rows_of<const T>(from), Divisor(from.rows()),
                                     Divisor(from.columns()), rows_of<T>(to)};
        with_width<T>({&to, &from},
                      [&](auto n) { launch_rows<decltype(n)::value>(launch, all, body); });
    });
}

/// to += from, of one dtype and shape; of two flat ones the first elements that both have.
inline void add_elements(const Launch& launch, TensorView from, TensorView to) {
    if (from.contiguous() && to.contiguous()) {
        const std::int64_t count = std::min(from.count(), to.count());
        from.shape = to.shape = {count};
        from.stride = to.stride = count;
    }
    with_float(to.dtype, [&]<class T>(T) {
        for_each<T>(launch, {&from, &to}, AddElements<T>{rows_of<const T>(from), rows_of<T>(to)});
    });
}

}  // namespace headroom::device
