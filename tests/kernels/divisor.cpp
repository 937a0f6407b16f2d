#include "kernels/device/divisor.h"

#include <limits>
#include <random>

#include "tests/support/catch.h"

namespace headroom::test {

TEST_CASE("ADivisorDividesAsTheProcessorDoes") {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    std::mt19937_64 random(7);
    const auto any = [&] { return static_cast<std::int64_t>(random() >> (1 + random() % 63)); };
    for (int i = 0; i < 20000; ++i) {
        const std::int64_t d =
            i < 64 ? (std::int64_t{1} << i % 63) : std::max<std::int64_t>(any(), 1);
        const device::Divisor divisor(d);
        for (const auto n : {any(), d, d - 1, kMost, kMost - 1, kMost / d * d, kMost / d * d - 1}) {
            INFO(n << " / " << d);
            REQUIRE(divisor.quotient(n) == n / d);
            REQUIRE(divisor.remainder(n) == n % d);
        }
    }
}

}  // namespace headroom::test
