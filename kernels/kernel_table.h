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

/// What attention's kernels multiply with: mma.sync, which every GPU from sm_80 on has, or sm_90a's
/// wgmma where there are tiles for the heads.
enum class TensorWords : std::uint8_t { mma, wgmma };

const KernelTable& cpu_table();
/// Empty rows where this program was built without CUDA.
const KernelTable& cuda_table(TensorWords words = TensorWords::mma);
/// Whether this program's CUDA kernels were compiled for sm_90a.
bool cuda_has_wgmma();

namespace detail {

template <class Function>
struct OpOf;
template <class T>
struct OpOf<void (*)(const T&, const Launch&)> {
    using type = T;
};

template <class T, class... Ts>
constexpr std::size_t index_of(const std::variant<Ts...>* /*op*/) {
    constexpr std::array<bool, sizeof...(Ts)> same{std::is_same_v<T, Ts>...};
    std::size_t index = 0;
    while (!same[index]) ++index;
    return index;
}

}  // namespace detail

/// Puts `void function(const SomeOp&, const Launch&)` in SomeOp's row.
template <auto function>
constexpr void set_row(KernelTable& table, Refusal refuses = nullptr) {
    using T = typename detail::OpOf<decltype(function)>::type;
    constexpr auto index = detail::index_of<T>(static_cast<const Op*>(nullptr));
    table.rows[index] = {
        [](const Op& op, const Launch& launch) { function(std::get<index>(op), launch); }, refuses};
}

}  // namespace headroom
