#pragma once

#include <bit>
#include <cstdint>

#include "kernels/host_device.h"

namespace headroom::device {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"  // GCC, clang and nvcc have it, the standard does not
using Uint128 = unsigned __int128;
#pragma GCC diagnostic pop

/// A divisor that is known before a kernel starts: dividing by it is a multiplication, where a
/// division of 64-bit integers is a call that spills registers. Exact for 0 <= n < 2^63 and
/// 1 <= d < 2^63: with d <= 2^s, m = ceil(2^(63 + s) / d) is off by less than 2^s / d (Granlund and
/// Montgomery, Division by Invariant Integers using Multiplication, 1994, theorem 4.2).
class Divisor {
public:
    Divisor() = default;
    explicit Divisor(std::int64_t d)
        : divisor_(d), shift_(static_cast<int>(std::bit_width(static_cast<std::uint64_t>(d) - 1))) {
        const auto wide = static_cast<Uint128>(d);
        factor_ = static_cast<std::uint64_t>(((Uint128{1} << (63 + shift_)) + wide - 1) / wide);
    }
    [[nodiscard]] HEADROOM_HOST_DEVICE std::int64_t quotient(std::int64_t n) const {
        const Uint128 product = Uint128{factor_} * static_cast<std::uint64_t>(n);
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(product >> 63) >> shift_);
    }
    [[nodiscard]] HEADROOM_HOST_DEVICE std::int64_t remainder(std::int64_t n) const {
        return n - quotient(n) * divisor_;
    }

private:
    std::int64_t divisor_ = 1;
    int shift_ = 0;
    std::uint64_t factor_ = std::uint64_t{1} << 63;
};

}  // namespace headroom::device
