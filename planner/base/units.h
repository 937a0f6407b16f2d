#pragma once

#include <cmath>
#include <compare>
#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>

namespace headroom {

/// A number with a unit; only amounts of the same unit add, and only bare numbers scale.
template <class Unit, class Rep>
class Quantity {
public:
    using rep = Rep;

    constexpr Quantity() = default;
    constexpr explicit Quantity(Rep count) : count_(count) {}

    [[nodiscard]] constexpr Rep count() const { return count_; }
    [[nodiscard]] constexpr double real() const { return static_cast<double>(count_); }

    constexpr auto operator<=>(const Quantity&) const = default;
    constexpr Quantity& operator+=(Quantity other) {
        count_ += other.count_;
        return *this;
    }
    constexpr Quantity& operator-=(Quantity other) {
        count_ -= other.count_;
        return *this;
    }
    friend constexpr Quantity operator+(Quantity a, Quantity b) {
        return Quantity{a.count_ + b.count_};
    }
    friend constexpr Quantity operator-(Quantity a, Quantity b) {
        return Quantity{a.count_ - b.count_};
    }
    friend constexpr Quantity operator*(Quantity a, Rep k) { return Quantity{a.count_ * k}; }
    friend constexpr Quantity operator*(Rep k, Quantity a) { return Quantity{a.count_ * k}; }
    friend constexpr Quantity operator/(Quantity a, Rep k) { return Quantity{a.count_ / k}; }
    /// The ratio of two amounts of one unit is a bare number.
    friend constexpr double operator/(Quantity a, Quantity b) { return a.real() / b.real(); }

private:
    Rep count_{};
};

struct BytesUnit;
struct FlopsUnit;
struct SecondsUnit;
struct BandwidthUnit;
struct FlopRateUnit;
struct UsdUnit;

using Bytes = Quantity<BytesUnit, std::int64_t>;
/// An amount of work. A double: exact for integers up to 2^53, beyond any one micro-step.
using Flops = Quantity<FlopsUnit, double>;
using Seconds = Quantity<SecondsUnit, double>;
/// Bytes per second, decimal, per direction.
using Bandwidth = Quantity<BandwidthUnit, double>;
/// FLOP per second.
using FlopRate = Quantity<FlopRateUnit, double>;
using Usd = Quantity<UsdUnit, double>;

constexpr Seconds operator/(Bytes amount, Bandwidth rate) {
    return Seconds{amount.real() / rate.count()};
}
constexpr Seconds operator/(Flops work, FlopRate rate) {
    return Seconds{work.count() / rate.count()};
}
constexpr FlopRate operator/(Flops work, Seconds time) {
    return FlopRate{work.count() / time.count()};
}

constexpr std::int64_t kGiB = std::int64_t{1} << 30;
constexpr std::int64_t kMiB = std::int64_t{1} << 20;

constexpr Bytes gibibytes(double count) {
    return Bytes{static_cast<std::int64_t>(count * static_cast<double>(kGiB))};
}
constexpr Bytes mebibytes(std::int64_t count) { return Bytes{count * kMiB}; }
constexpr double in_gib(Bytes bytes) { return bytes.real() / static_cast<double>(kGiB); }
constexpr double in_gb(Bytes bytes) { return bytes.real() / 1e9; }
constexpr Bandwidth gigabytes_per_second(double count) { return Bandwidth{count * 1e9}; }
constexpr FlopRate teraflops_per_second(double count) { return FlopRate{count * 1e12}; }

/// Smallest multiple of `step` that is not below `value`; both non-negative, step positive.
template <std::integral T>
constexpr T round_up(T value, T step) {
    return (value + step - 1) / step * step;
}

/// ceil(a / b) for non-negative a and positive b.
template <std::integral T>
constexpr T ceil_div(T a, T b) {
    return (a + b - 1) / b;
}

template <class A, class B>
concept Addable = requires(A a, B b) {
    a + b;
};
static_assert(!Addable<Bytes, Flops>);
static_assert(!Addable<Seconds, Bandwidth>);
static_assert(Addable<Bytes, Bytes>);

/// "12.34 GiB", "512.00 MiB", "96 B": three significant groups, binary units.
std::string to_string(Bytes bytes);
/// "1.234e+15 FLOP" with an SI prefix: "1.23 PFLOP".
std::string to_string(Flops work);
/// "989.0 TFLOP/s".
std::string to_string(FlopRate rate);
/// "450.0 GB/s".
std::string to_string(Bandwidth rate);
/// "1.23 s", "12.3 ms", "4.5 us", "3.2 h", "12.1 d".
std::string to_string(Seconds time);
/// "$12,345.67".
std::string to_string(Usd amount);
/// "8,030,261,248".
std::string with_thousands(std::int64_t value);

}  // namespace headroom
