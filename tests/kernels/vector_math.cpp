#include "kernels/cpu/vector_math.h"

#include "tests/support/catch.h"

namespace headroom::test {

TEST_CASE("TheErrorFunctionOfFloatsIsTheLibrarysToTheLastPlaces") {
    for (int i = -600000; i <= 600000; ++i) {
        const float x = static_cast<float>(i) * 1e-5F;
        const double expected = std::erf(static_cast<double>(x));
        const double scale = std::abs(x) < 0.5F ? std::abs(expected) : 1.0;
        REQUIRE(std::abs(static_cast<double>(error_function(x)) - expected) <= 4e-7 * scale);
    }
    CHECK(error_function(20.0F) == 1.0F);
    CHECK(error_function(-20.0F) == -1.0F);
}

}  // namespace headroom::test
