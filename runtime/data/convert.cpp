#include "runtime/data/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/number.h"
#include "kernels/cpu/runs.h"
#include "planner/base/error.h"

namespace headroom {
namespace {

struct NameRow {
    DType dtype;
    std::string_view stored;
};
/// The first row of a stored name is what it is read as.
constexpr std::array kNames{NameRow{DType::f64, "F64"},   NameRow{DType::f32, "F32"},
                            NameRow{DType::bf16, "BF16"}, NameRow{DType::f16, "F16"},
                            NameRow{DType::i64, "I64"},   NameRow{DType::i32, "I32"},
                            NameRow{DType::u16, "U16"},   NameRow{DType::u8, "U8"},
                            NameRow{DType::nf4, "U8"},    NameRow{DType::f8, "F8_E4M3"}};

template <class From, class To>
void convert_all(const std::byte* from, std::byte* to, std::size_t count) {
#pragma omp parallel for schedule(static) if (count >= std::size_t{kParallelElements})
    for (std::size_t i = 0; i < count; ++i) {
        From value{};
        std::memcpy(&value, from + i * sizeof(From), sizeof(From));
        To result{};
        if constexpr (std::is_same_v<From, double>) {
            result = static_cast<To>(static_cast<Compute<To>>(value));
        } else {
            result = static_cast<To>(static_cast<Compute<To>>(static_cast<float>(value)));
        }
        std::memcpy(to + i * sizeof(To), &result, sizeof(To));
    }
}

}  // namespace

std::string_view stored_name(DType dtype) {
    return std::ranges::find(kNames, dtype, &NameRow::dtype)->stored;
}

std::optional<DType> dtype_stored_as(std::string_view name) {
    const auto row = std::ranges::find(kNames, name, &NameRow::stored);
    if (row == kNames.end()) return std::nullopt;
    return row->dtype;
}

bool is_converted(DType dtype) {
    return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::bf16 ||
           dtype == DType::f16;
}

void convert(std::span<const std::byte> from, DType from_dtype, std::span<std::byte> to,
             DType to_dtype) {
    with_float(from_dtype, [&](auto a) {
        with_float(to_dtype, [&](auto b) {
            using From = decltype(a);
            using To = decltype(b);
            const std::size_t count = from.size() / sizeof(From);
            if (to.size() != count * sizeof(To)) {
                throw InternalError(fmt::format("{} numbers into {} bytes of {}", count, to.size(),
                                                name(to_dtype)));
            }
            convert_all<From, To>(from.data(), to.data(), count);
        });
    });
}

}  // namespace headroom
