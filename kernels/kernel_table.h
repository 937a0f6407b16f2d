#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "kernels/launch.h"
#include "planner/step/op.h"

namespace headroom {

/// Runs one op on a device.
using Kernel = void (*)(const Op&, const Launch&);
/// Why a kernel cannot run an op on these operands (launch.in and .out hold shapes and dtypes, no
/// memory); empty: it can.
using Refusal = std::string (*)(const Op&, const Launch&);

/// What a device has for one kind of op; no kernel: nothing.
struct KernelRow {
    Kernel run = nullptr;
    Refusal refuses = nullptr;
};

/// Kernels of a device by Op::index().
struct KernelTable {
    std::string_view device{};
    std::array<KernelRow, std::variant_size_v<Op>> rows{};

    [[nodiscard]] const KernelRow& operator[](const Op& op) const { return rows[op.index()]; }
};

const KernelTable& cpu_table();
/// Empty rows where this program was built without CUDA.
const KernelTable& cuda_table();

namespace detail {

template <class Function>
struct OpOf;
template <class T>
struct OpOf<void (*)(const T&, const Launch&)> {
    using type = T;
};

template <class T, std::size_t I = 0>
constexpr std::size_t index_of() {
    if constexpr (std::is_same_v<T, std::variant_alternative_t<I, Op>>) {
        return I;
    } else {
        return index_of<T, I + 1>();
    }
}

}  // namespace detail

/// Puts `void function(const SomeOp&, const Launch&)` in SomeOp's row.
template <auto function>
constexpr void set_row(KernelTable& table, Refusal refuses = nullptr) {
    using T = typename detail::OpOf<decltype(function)>::type;
    table.rows[detail::index_of<T>()] = {
        [](const Op& op, const Launch& launch) { function(std::get<T>(op), launch); }, refuses};
}

}  // namespace headroom
