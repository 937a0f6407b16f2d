#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/kernels/call.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

std::vector<OpCase> cases() {
    // The norm is a constant to the gradient, so only the magnitude has one.
    return {
        {.op = DoraNorm{.scale = 0.5},
         .inputs = {frozen({4, 6}), frozen({2, 6}), frozen({4, 2}), parameter({4})},
         .differentiated = {0}},
        {.op = DoraNorm{.scale = 2.0},
         .inputs = {frozen({3, 19}), frozen({1, 19}), frozen({3, 1}), parameter({3})},
         .differentiated = {0}},
    };
}

void check_close(const Numbers& found, const Numbers& expected, double tolerance) {
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        INFO(i);
        REQUIRE(found[i] == Approx(expected[i]).margin(tolerance).epsilon(tolerance));
    }
}

}  // namespace

TEST_CASE("DoraScaleIsTheMagnitudeOverTheNormOfTheMergedRow") {
    constexpr std::size_t out = 5;
    constexpr std::size_t in = 19;
    constexpr std::size_t rank = 3;
    const auto w = normal_numbers(out * in, 1);
    const auto a = normal_numbers(rank * in, 2);
    const auto b = normal_numbers(out * rank, 3);
    const Numbers magnitude{1, 2, 3, 4, -5};
    Numbers merged = w;
    Numbers scale;
    for (std::size_t o = 0; o < out; ++o) {
        double squares = 0.0;
        for (std::size_t i = 0; i < in; ++i) {
            for (std::size_t r = 0; r < rank; ++r) {
                merged[o * in + i] += 0.25 * b[o * rank + r] * a[r * in + i];
            }
            squares += merged[o * in + i] * merged[o * in + i];
        }
        scale.push_back(magnitude[o] / std::sqrt(squares));
    }
    Held<double> w_held({out, in}, w);
    Held<double> a_held({rank, in}, a);
    Held<double> b_held({out, rank}, b);
    Held<double> magnitude_held({out}, magnitude);
    Held<double> scale_held({out}, 99.0);
    Held<double> merged_held({out, in}, 99.0);
    call(DoraNorm{.scale = 0.25},
         {w_held.view(), a_held.view(), b_held.view(), magnitude_held.view()},
         {scale_held.view(), merged_held.view()});
    check_close(merged_held.numbers(), merged, 1e-12);
    check_close(scale_held.numbers(), scale, 1e-12);
    CHECK(w_held.numbers() == w);
}

TEST_CASE("DoraGradientsAgreeWithFiniteDifferences") {
    for (const auto& c : cases()) check_gradient(c);
}

TEST_CASE("DoraAgreesAcrossDtypes") {
    for (const auto& c : cases()) check_dtypes(c);
}

TEST_CASE("DoraCountsTheWorkItDeclares") {
    for (const auto& c : cases()) check_work(c);
}

TEST_CASE("ARowOfZerosIsNotScaled") {
    Held<float> w({2, 3}, Numbers{0, 0, 0, 3, 0, 4});
    Held<float> a({1, 3}, 0.0);
    Held<float> b({2, 1}, 0.0);
    Held<BFloat16> magnitude({2}, Numbers{0, 10});
    Held<float> scale({2}, 99.0);
    Held<float> merged({2, 3}, 99.0);
    call(DoraNorm{}, {w.view(), a.view(), b.view(), magnitude.view()},
         {scale.view(), merged.view()});
    CHECK(scale.numbers() == Numbers{0, 2});
    Held<float> dscale({2}, 3.0);
    Held<float> dmagnitude({2}, 7.0);
    call(DoraGrad{}, {dscale.view(), scale.view(), magnitude.view()}, {dmagnitude.view()});
    check_close(dmagnitude.numbers(), {0.0, 3.0 / 5.0}, 1e-6);
}

TEST_CASE("MagnitudeGradientsOverwriteOrAdd") {
    Held<float> dscale({2}, Numbers{3, -6});
    Held<float> scale({2}, Numbers{0.5, 2.0});
    Held<float> magnitude({2}, Numbers{1.5, 4.0});
    for (const bool first : {true, false}) {
        const double kept = first ? 0.0 : 7.0;
        Held<BFloat16> dmagnitude({2}, 7.0);
        call(DoraGrad{.accumulation = Accumulation::add_after_first},
             {dscale.view(), scale.view(), magnitude.view()}, {dmagnitude.view()},
             {.first_micro_step = first});
        check_close(dmagnitude.numbers(), {kept + 1.0, kept - 3.0}, 1e-6);
    }
}

}  // namespace headroom::test
