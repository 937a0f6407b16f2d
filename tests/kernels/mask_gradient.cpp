#include <cstdint>
#include <limits>
#include <vector>

#include "tests/kernels/told.h"
#include "tests/support/catch.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

}  // namespace

TEST_CASE("AMaskClearsTheGradientOfWhatIsPruned") {
    const auto numbers = normal_numbers(21, 6);
    Held<std::uint8_t> mask({3}, Numbers{0xFF, 0x5A, 0x11});
    const auto cleared = [&]<class T>(T) {
        Held<T> gradient({21}, numbers);
        tell(MaskGradient{}, {gradient.view(), mask.view()}, {gradient.view()});
        return gradient.numbers();
    };
    Held<BFloat16> rounded({21}, numbers);
    Numbers expected = numbers;
    Numbers narrow = rounded.numbers();
    for (const std::size_t i : {8, 10, 13, 15, 17, 18, 19}) expected[i] = narrow[i] = 0.0;
    CHECK(cleared(double{}) == expected);
    CHECK(cleared(BFloat16{}) == narrow);
    // An overflow of a weight that is not there is none.
    Held<float> endless({8}, std::numeric_limits<double>::infinity());
    Held<std::uint8_t> none({1}, Numbers{0});
    tell(MaskGradient{}, {endless.view(), none.view()}, {endless.view()});
    CHECK(endless.numbers() == Numbers(8, 0.0));
}

}  // namespace headroom::test
