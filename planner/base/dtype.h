#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace headroom {

enum class DType : std::uint8_t { f64, f32, bf16, f16, f8, i64, i32, u16, u8, nf4 };

struct DTypeRow {
    DType dtype;
    std::string_view name;
    int bits;
};

/// Storage size per element; nf4 packs two codes a byte (its scales are tensors of their own).
inline constexpr std::array kDTypes{
    DTypeRow{DType::f64, "f64", 64},   DTypeRow{DType::f32, "fp32", 32},
    DTypeRow{DType::bf16, "bf16", 16}, DTypeRow{DType::f16, "fp16", 16},
    DTypeRow{DType::f8, "fp8", 8},     DTypeRow{DType::i64, "i64", 64},
    DTypeRow{DType::i32, "i32", 32},   DTypeRow{DType::u16, "u16", 16},
    DTypeRow{DType::u8, "u8", 8},      DTypeRow{DType::nf4, "nf4", 4},
};

constexpr const DTypeRow& row(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }
constexpr std::string_view name(DType dtype) { return row(dtype).name; }
constexpr int bits(DType dtype) { return row(dtype).bits; }

/// Bytes of `count` elements, the last byte rounded up.
constexpr std::int64_t bytes_of(std::int64_t count, DType dtype) {
    return (count * bits(dtype) + 7) / 8;
}

/// The dtype of that name ("bf16"), if there is one.
constexpr std::optional<DType> dtype_named(std::string_view text) {
    for (const auto& entry : kDTypes) {
        if (entry.name == text) return entry.dtype;
    }
    return std::nullopt;
}

static_assert(row(DType::nf4).dtype == DType::nf4, "rows are in enum order");

}  // namespace headroom
