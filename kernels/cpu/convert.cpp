#include "kernels/cpu/convert.h"

#include <algorithm>
#include <bit>

#include "kernels/cpu/clones.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"

namespace headroom {
namespace {

// number.h's conversions without branches, which compilers do not turn into vectors.

HEADROOM_CLONES
void load_bf16(const std::uint16_t* __restrict from, std::int64_t count, float* __restrict to) {
    for (std::int64_t i = 0; i < count; ++i) {
        to[i] = std::bit_cast<float>(static_cast<std::uint32_t>(from[i]) << 16);
    }
}

HEADROOM_CLONES
void store_bf16(const float* __restrict from, std::int64_t count, std::uint16_t* __restrict to) {
    for (std::int64_t i = 0; i < count; ++i) {
        const auto word = std::bit_cast<std::uint32_t>(from[i]);
        const std::uint32_t rounded = word + 0x7FFFU + ((word >> 16) & 1U);
        const bool nan = (word & 0x7FFFFFFFU) > 0x7F800000U;
        to[i] = static_cast<std::uint16_t>((nan ? word | 0x400000U : rounded) >> 16);
    }
}

HEADROOM_CLONES
void load_f16(const std::uint16_t* __restrict from, std::int64_t count, float* __restrict to) {
    for (std::int64_t i = 0; i < count; ++i) {
        const std::uint32_t half = from[i];
        const std::uint32_t rest = (half & 0x7FFFU) << 13;
        // The exponent's bias changes by a product, which subnormal numbers need no branch for.
        const auto scaled = std::bit_cast<std::uint32_t>(std::bit_cast<float>(rest) * 0x1p112F);
        const std::uint32_t magnitude = scaled | (rest >= 0x7C00U << 13 ? 0x7F800000U : 0U);
        to[i] = std::bit_cast<float>(magnitude | (half & 0x8000U) << 16);
    }
}

HEADROOM_CLONES
void store_f16(const float* __restrict from, std::int64_t count, std::uint16_t* __restrict to) {
    for (std::int64_t i = 0; i < count; ++i) {
        const auto word = std::bit_cast<std::uint32_t>(from[i]);
        const std::uint32_t rest = word & 0x7FFFFFFFU;
        const std::uint32_t bounded = std::min(rest, 0x47800000U);  // 65536 becomes infinity
        // Both roundings of number.h give 0x400 at the smallest normal number, where they meet.
        const std::uint32_t above = std::max(bounded, 0x38800000U);
        const std::uint32_t normal = (above + 0xC8000FFFU + ((above >> 13) & 1U)) >> 13;
        const float below = std::bit_cast<float>(std::min(bounded, 0x38800000U)) + 0.5F;
        const std::uint32_t small = std::bit_cast<std::uint32_t>(below) - 0x3F000000U;
        const std::uint32_t nan = rest > 0x7F800000U ? 0x200U : 0U;
        const std::uint32_t half = small + normal - 0x400U + nan;
        to[i] = static_cast<std::uint16_t>(half | ((word >> 16) & 0x8000U));
    }
}

}  // namespace

void load_floats(DType dtype, const std::byte* from, std::int64_t count, float* to) {
    if (dtype == DType::bf16) {
        return load_bf16(reinterpret_cast<const std::uint16_t*>(from), count, to);
    }
    if (dtype == DType::f16) {
        return load_f16(reinterpret_cast<const std::uint16_t*>(from), count, to);
    }
    with_float(dtype, [&]<class T>(T) {
        const T* values = reinterpret_cast<const T*>(from);
        std::transform(values, values + count, to,
                       [](T value) { return store<float>(load(value)); });
    });
}

void store_floats(DType dtype, const float* from, std::int64_t count, std::byte* to) {
    if (dtype == DType::bf16) {
        return store_bf16(from, count, reinterpret_cast<std::uint16_t*>(to));
    }
    if (dtype == DType::f16) {
        return store_f16(from, count, reinterpret_cast<std::uint16_t*>(to));
    }
    with_float(dtype, [&]<class T>(T) {
        std::transform(from, from + count, reinterpret_cast<T*>(to), store<T, float>);
    });
}

}  // namespace headroom
