#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/dropout_mask.h"
#include "tests/kernels/told.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

std::vector<OpCase> cases() {
    return {
        {Add{}, {real({5, 7}), real({5, 7})}},
        {Add{.scale = 0.25, .in_place = false}, {block({3, 5}, 9), block({3, 5}, 6)}},
        {Add{.scale = -2.0}, {real({1, 1}), real({1, 1})}},
        {Accumulate{}, {block({4, 3}, 5), real({4, 3})}},
        {Dropout{.rate = 0.4}, {real({6, 5})}},
        {Dropout{.rate = 0.1, .in_place = false, .site = 2}, {block({3, 7}, 11)}},
        {Cast{.to = DType::f32}, {block({3, 4}, 6)}},
        {SplitColumns{.a = 3, .b = 2, .c = 4}, {real({5, 9})}},
        {SplitColumns{.a = 1, .b = 6}, {real({2, 7})}},
        {JoinColumns{}, {block({3, 2}, 9), real({3, 5}), block({3, 1}, 4)}},
        {ScaleColumns{}, {real({2, 66}), real({66})}},
        {ScaleColumns{}, {block({1, 3}, 5), real({3})}},
        {GateRows{}, {real({4, 9}), real({4, 1})}},
        {GateRows{}, {block({3, 5}, 8), block({3, 1}, 2)}},
        {PoolRows{.sequence = 3}, {frozen({6, 5})}},
    };
}

/// y and mask of 0 ... count - 1 plus 1.
struct Dropped {
    Numbers y;
    Numbers mask;
};
Dropped drop(std::int64_t rows, std::int64_t columns, const Dropout& op, const Told& told,
             std::int64_t gap = 0) {
    Numbers values;
    for (std::int64_t i = 0; i < rows * columns; ++i) values.push_back(static_cast<double>(i + 1));
    Held<double> x({rows, columns}, values, gap);
    Held<double> y({rows, columns}, -1.0, gap);
    Held<std::uint8_t> mask({rows, columns}, 7.0);
    tell(op, {x.view()}, {y.view(), mask.view()}, told);
    return {y.numbers(), mask.numbers()};
}

}  // namespace

TEST_CASE("ElementwiseGradientsAgreeWithFiniteDifferences") {
    for (const auto& c : cases()) check_gradient(c);
}

TEST_CASE("ElementwiseOpsAgreeAcrossDtypes") {
    for (const auto& c : cases()) check_dtypes(c);
}

TEST_CASE("ElementwiseOpsDoNoMatrixWork") {
    for (const auto& c : cases()) check_work(c);
}

TEST_CASE("AddScalesItsFirstOperand") {
    const auto a = normal_numbers(5 * 1000, 1);
    const auto b = normal_numbers(5 * 1000, 2);
    Held<double> first({5, 1000}, a, 3);
    Held<double> second({5, 1000}, b);
    Held<double> sum({5, 1000}, 0.0, 1);
    tell(Add{.scale = 0.5, .in_place = false}, {first.view(), second.view()}, {sum.view()});
    const auto found = sum.numbers();
    for (std::size_t i = 0; i < found.size(); ++i) REQUIRE(found[i] == 0.5 * a[i] + b[i]);
    // More than one run of elements, over the first operand.
    Held<double> over({10'001}, 1.0);
    Held<double> added({10'001}, 2.0);
    tell(Add{.scale = 3.0}, {over.view(), added.view()}, {over.view()});
    CHECK(over.numbers() == Numbers(10'001, 5.0));
}

TEST_CASE("AccumulateAddsInPlaceAcrossDtypes") {
    Held<BFloat16> sum({2, 3}, Numbers{1, 2, 3, 4, 5, 6}, 2);
    Held<float> addend({2, 3}, 0.5);
    tell(Accumulate{}, {sum.view(), addend.view()}, {sum.view()});
    CHECK(sum.numbers() == Numbers{1.5, 2.5, 3.5, 4.5, 5.5, 6.5});
}

TEST_CASE("PhiloxGivesItsPublishedNumbers") {
    const auto words = [](RandomWords counter, std::uint32_t key0, std::uint32_t key1) {
        const RandomWords out = philox(counter, key0, key1);
        return std::vector<std::uint32_t>(std::begin(out.word), std::end(out.word));
    };
    CHECK(words({{0, 0, 0, 0}}, 0, 0) ==
          std::vector<std::uint32_t>{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8});
    CHECK(words({{~0U, ~0U, ~0U, ~0U}}, ~0U, ~0U) ==
          std::vector<std::uint32_t>{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD});
    CHECK(words({{0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}}, 0xA4093822, 0x299F31D0) ==
          std::vector<std::uint32_t>{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1});
}

TEST_CASE("DropoutKeepsItsShareAndScalesItUp") {
    for (const double rate : {0.1, 0.5, 0.9}) {
        const auto [y, mask] = drop(100, 101, {.rate = rate}, {.scalars = {.seed = 5}});
        double kept = 0.0;
        for (std::size_t i = 0; i < y.size(); ++i) {
            const double x = static_cast<double>(i + 1);
            REQUIRE((mask[i] == 0.0 || mask[i] == 1.0));
            REQUIRE(y[i] == Approx(mask[i] * x / (1.0 - rate)));
            kept += mask[i];
        }
        const double expected = 10'100.0 * (1.0 - rate);
        CHECK(std::abs(kept - expected) < 4.0 * std::sqrt(expected * rate));
    }
    CHECK(drop(3, 5, {.rate = 0.0}, {}).mask == Numbers(15, 1.0));
}

TEST_CASE("DropoutDependsOnWhereItIsAndNothingElse") {
    const Told told{.scalars = {.seed = 1, .step = 2, .micro_step = 3}};
    const Dropout op{.rate = 0.5, .site = 4};
    const auto mask = drop(13, 1367, op, told).mask;
    CHECK(drop(13, 1367, op, told).mask == mask);
    CHECK(drop(13, 1367, op, told, 5).mask == mask);
    CHECK(drop(1367, 13, op, told).mask == mask);
    for (const auto& other : by_threads([&] { return drop(13, 1367, op, told).mask; })) {
        CHECK(other == mask);
    }
    const auto differs = [&](const Dropout& dropout, const Told& changed) {
        return drop(13, 1367, dropout, changed).mask != mask;
    };
    CHECK(differs({.rate = 0.5, .site = 5}, told));
    CHECK(differs(op, {.scalars = {.seed = 2, .step = 2, .micro_step = 3}}));
    CHECK(differs(op, {.scalars = {.seed = 1, .step = 1, .micro_step = 3}}));
    CHECK(differs(op, {.scalars = {.seed = 1, .step = 2, .micro_step = 0}}));
    CHECK(differs(op, {.scalars = told.scalars, .layer = 4}));
}

TEST_CASE("DropoutGradientFollowsTheMask") {
    Held<float> dy({2, 3}, Numbers{1, 2, 3, 4, 5, 6}, 1);
    Held<std::uint8_t> mask({2, 3}, Numbers{1, 0, 1, 0, 0, 1});
    tell(DropoutGrad{.rate = 0.75}, {dy.view(), mask.view()}, {dy.view()});
    CHECK(dy.numbers() == Numbers{4, 0, 12, 0, 0, 24});
}

TEST_CASE("CastRoundsToNearestEven") {
    Held<float> x({2, 2}, Numbers{1.0, 1.00390625, 1.01171875, -3.0}, 1);
    Held<BFloat16> y({2, 2}, 0.0);
    tell(Cast{.to = DType::bf16}, {x.view()}, {y.view()});
    CHECK(y.numbers() == Numbers{1.0, 1.0, 1.015625, -3.0});
}

TEST_CASE("JoinedColumnsLieSideBySide") {
    Held<float> a({2, 1}, Numbers{1, 4}, 3);
    Held<float> b({2, 2}, Numbers{2, 3, 5, 6}, 1);
    Held<float> joined({2, 3}, 0.0);
    tell(JoinColumns{}, {a.view(), b.view()}, {joined.view()});
    CHECK(joined.numbers() == Numbers{1, 2, 3, 4, 5, 6});
}

TEST_CASE("ScaledColumnsFollowTheirDefinition") {
    constexpr std::size_t n = 140;  // enough for several threads
    constexpr std::size_t c = 130;
    const auto x = normal_numbers(n * c, 1);
    const auto scale = normal_numbers(c, 2);
    const auto dy = normal_numbers(n * c, 3);
    Held<double> scale_held({c}, scale);
    Held<double> dy_held({n, c}, dy, 2);
    Numbers y;
    Numbers dx;
    Numbers dscale(c);
    for (std::size_t i = 0; i < n * c; ++i) {
        y.push_back(x[i] * scale[i % c]);
        dx.push_back(dy[i] * scale[i % c]);
        dscale[i % c] += dy[i] * x[i];
    }
    Held<double> x_held({n, c}, x, 1);
    Held<double> y_held({n, c}, 0.0);
    tell(ScaleColumns{}, {x_held.view(), scale_held.view()}, {y_held.view()});
    CHECK(y_held.numbers() == y);
    const auto found = by_threads([&] {
        Held<double> held({n, c}, x, 1);
        Held<double> gradient({c}, 99.0);
        tell(ScaleColumnsGrad{}, {held.view(), scale_held.view(), dy_held.view()},
             {held.view(), gradient.view()});
        CHECK(held.numbers() == dx);
        return gradient.numbers();
    });
    CHECK(found[1] == found[0]);
    CHECK(found[2] == found[0]);
    for (std::size_t j = 0; j < c; ++j) REQUIRE(found[0][j] == Approx(dscale[j]));
}

TEST_CASE("AGateOpensRowsByItsSigmoid") {
    const auto x = normal_numbers(3 * 4, 1);
    Held<double> x_held({3, 4}, x, 1);
    Held<double> gate({3, 1}, Numbers{0.0, 2.0, -40.0});
    Held<double> y({3, 4}, 0.0);
    tell(GateRows{}, {x_held.view(), gate.view()}, {y.view()});
    for (std::size_t i = 0; i < 12; ++i) {
        const double open = Numbers{0.5, 1.0 / (1.0 + std::exp(-2.0)), std::exp(-40.0)}[i / 4];
        REQUIRE(y.numbers()[i] == Approx(open * x[i]));
    }
}

TEST_CASE("PoolTakesTheFirstTokenOfASequence") {
    Held<float> x({6, 2}, Numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 1);
    Held<float> first({2, 2}, 0.0);
    tell(PoolRows{.sequence = 3}, {x.view()}, {first.view()});
    CHECK(first.numbers() == Numbers{1, 2, 7, 8});
}

}  // namespace headroom::test
