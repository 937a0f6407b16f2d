#include "kernels/fake_quantize.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "planner/step/op/quantize.h"
#include "planner/step/step_graph.h"
#include "tests/kernels/call.h"
#include "tests/runtime/oracle_files.h"
#include "tests/support/catch.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <class T = float>
Numbers fake_quantized(const Numbers& x, Shape shape, const FakeQuantization& to) {
    Held<T> from(shape, x);
    Held<T> y(shape, 99.0);
    call(FakeQuantize{.to = to}, {from.view()}, {y.view()});
    return y.numbers();
}

/// What becomes of dy, as an activation's gradient or, of a parameter, as its own.
template <class T = float, class G = T>
Numbers gradient(const Numbers& x, const Numbers& dy, Shape shape, const FakeQuantization& to,
                 bool parameter = false) {
    Held<T> from(shape, x);
    Held<G> held(shape, dy);
    std::vector<TensorView> in{from.view()};
    if (!parameter) in.push_back(held.view());
    call(FakeQuantizeGrad{.to = to}, in, {held.view()});
    return held.numbers();
}

Numbers stored(const std::string& name) {
    static const WeightFiles files(kOracle / "fake_quantize.safetensors");
    const auto floats = floats_of(files, name);
    return {floats.begin(), floats.end()};
}

template <class T>
Numbers rounded(const Numbers& x) {
    return Held<T>({static_cast<std::int64_t>(x.size())}, x).numbers();
}

/// A configuration of make.py.
struct Made {
    std::string name;
    FakeQuantization to;
};
const std::vector<Made>& made() {
    static const std::vector<Made> all{
        {"int4.group", {.bits = 4, .group = 32}},
        {"int8.row", {.bits = 8}},
        {"int8.token", {.bits = 8, .symmetric = false}},
        {"int4.asymmetric", {.bits = 4, .group = 32, .symmetric = false}},
    };
    return all;
}

const Shape kMade{6, 64};

Numbers part(const Numbers& x, std::size_t first, std::size_t count) {
    const auto begin = x.begin() + static_cast<std::ptrdiff_t>(first);
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

/// The codes that a group's numbers are rounded with.
GroupCodes codes_of(const FakeQuantization& to, const Numbers& group) {
    Reach reach;
    for (const double x : group) reach.take(static_cast<float>(x));
    return group_codes(code_range(to), reach);
}

/// Whether both hold the same numbers with the same signs, those of zeros among them.
bool same_bits(const Numbers& a, const Numbers& b) {
    return std::ranges::equal(a, b, {}, std::bit_cast<std::uint64_t, double>,
                              std::bit_cast<std::uint64_t, double>);
}

}  // namespace

// make.py's vectors are of choose_qparams_affine, which QAT uses, and of f32: torchao computes on
// bf16 numbers in bf16, the op in f32, so of those they hold what is computed of them as f32.

TEST_CASE("FakeQuantizedNumbersAreThoseOfTorchao") {
    for (const auto& [name, to] : made()) {
        INFO(name);
        CHECK(same_bits(fake_quantized(stored("x"), kMade, to), stored(name + ".y")));
    }
    const Numbers x = rounded<BFloat16>(stored("x"));
    CHECK(same_bits(fake_quantized<BFloat16>(x, kMade, made()[0].to), stored("int4.group.y.bf16")));
}

TEST_CASE("TheGradientIsZeroWhereTorchaosIs") {
    // Torchao's is multiplied by the scale and by its inverse, which rounds twice.
    const Numbers dy = stored("dy");
    for (const auto& [name, to] : made()) {
        INFO(name);
        const Numbers expected = stored(name + ".dx");
        const Numbers found = gradient(stored("x"), dy, kMade, to);
        REQUIRE(std::ranges::count(expected, 0.0) > 0);
        for (std::size_t i = 0; i < dy.size(); ++i) {
            CHECK((found[i] == 0.0) == (expected[i] == 0.0));
            CHECK(found[i] == (expected[i] == 0.0 ? 0.0 : dy[i]));
            CHECK(found[i] == Approx(expected[i]).epsilon(3e-7));
        }
    }
}

TEST_CASE("AGradientOfAnyDtypeIsClearedWhereTheCodeLiesOutside") {
    // The greatest number of a symmetric group lies half a step above the highest code, exactly so
    // where the scale is a power of two: 1, 1/2 and 2.
    const FakeQuantization to{.bits = 4, .group = 3};
    const Shape shape{2, 5};
    const Numbers x{7.5, 1.0, -7.5, 3.75, 0.5, 0.0, 0.0, 0.0, -2.0, 15.0};
    const Numbers dy{1.0, -2.0, 3.0, -4.0, 5.0, kInfinity, 7.0, kNaN, 9.0, -1.5};
    Numbers expected = dy;
    for (const std::size_t i : {0U, 3U, 9U}) expected[i] = 0.0;
    const auto check = [&]<class T, class G>(T, G) {
        for (const bool parameter : {false, true}) {
            const Numbers found = gradient<T, G>(x, dy, shape, to, parameter);
            for (std::size_t i = 0; i < dy.size(); ++i) {
                INFO(i);
                CHECK(std::isnan(found[i]) == std::isnan(expected[i]));
                if (std::isnan(expected[i])) continue;
                CHECK(found[i] == expected[i]);
            }
        }
    };
    const auto with = [&]<class T>(T zero) {
        check(zero, float{});
        check(zero, BFloat16{});
        check(zero, Float16{});
        check(zero, double{});
    };
    with(float{});
    with(BFloat16{});
    with(Float16{});
    with(double{});
}

TEST_CASE("NumbersAreMultipliedWithTheInverseOfTheScale") {
    // 4 over its scale is 7.5, which rounds to 8; times the scale's inverse it is less. torchao's
    // gradient of 4 is not zero.
    const FakeQuantization to{.bits = 4};
    CHECK(gradient({-2.0, 4.0}, {1.0, 1.0}, {1, 2}, to) == Numbers{1.0, 1.0});
}

TEST_CASE("NumbersWithinTheRangeAreOffByHalfAScaleAtMost") {
    constexpr std::int64_t kColumns = 1600;
    const Numbers x = normal_numbers(kColumns, 1);
    const FakeQuantization to{.bits = GENERATE(2, 4, 8),
                              .group = GENERATE(0, 32, 128, 100),
                              .symmetric = GENERATE(false, true)};
    const Numbers y = fake_quantized(x, {1, kColumns}, to);
    const Numbers kept = gradient(x, Numbers(x.size(), 1.0), {1, kColumns}, to);
    const std::size_t group = to.group == 0 ? x.size() : static_cast<std::size_t>(to.group);
    bool within = true;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t first = i / group * group;
        const std::size_t count = std::min(group, x.size() - first);
        const GroupCodes codes = codes_of(to, part(x, first, count));
        // The zero point is rounded, too: a number outside is half a step more from the last code.
        const double steps = kept[i] == 0.0 ? 1.0 : 0.5;
        within &= std::abs(y[i] - x[i]) <= steps * static_cast<double>(codes.scale) * 1.0001;
    }
    CHECK(within);
}

TEST_CASE("ASymmetricGroupOfOppositesHasOppositeNumbers") {
    Numbers x = normal_numbers(640, 2);
    const FakeQuantization to{.bits = GENERATE(4, 8), .group = 32};
    const Shape shape{5, 128};
    const Numbers y = fake_quantized(x, shape, to);
    const Numbers kept = gradient(x, Numbers(x.size(), 1.0), shape, to);
    for (auto& value : x) value = -value;
    const Numbers opposite = fake_quantized(x, shape, to);
    const Numbers opposite_kept = gradient(x, Numbers(x.size(), 1.0), shape, to);
    int compared = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        // There is one more code below 0 than above.
        if (kept[i] == 0.0 || opposite_kept[i] == 0.0) continue;
        CHECK(opposite[i] == -y[i]);
        ++compared;
    }
    CHECK(compared > 600);
}

TEST_CASE("NumbersOnAnAsymmetricGridStayAsTheyAre") {
    // Codes -100 ... 155 less a zero point, all of the range taken. Of symmetric codes none are:
    // the scale of what came out is another.
    Numbers x;
    for (int code = 0; code < 256; ++code) x.push_back((code - 100) * 0.25);
    CHECK(fake_quantized(x, {1, 256}, {.symmetric = false}) == x);
    CHECK(fake_quantized<BFloat16>(x, {2, 128}, {.group = 0, .symmetric = false}) !=
          fake_quantized<BFloat16>(x, {1, 256}, {.symmetric = false}));
}

TEST_CASE("NoTwoGroupsShareAScale") {
    const bool symmetric = GENERATE(false, true);
    const std::int64_t width = GENERATE(1, 7, 32, 100);
    const FakeQuantization to{.bits = 4, .group = width, .symmetric = symmetric};
    const Shape shape{3, 131};
    const Numbers x = normal_numbers(numel(shape), 3);
    Numbers expected;
    for (std::size_t row = 0; row < 3; ++row) {
        for (std::int64_t first = 0; first < 131; first += width) {
            const std::int64_t count = std::min<std::int64_t>(width, 131 - first);
            const Numbers group = part(x, row * 131 + static_cast<std::size_t>(first),
                                       static_cast<std::size_t>(count));
            const Numbers y =
                fake_quantized(group, {1, count}, {.bits = 4, .group = 0, .symmetric = symmetric});
            expected.insert(expected.end(), y.begin(), y.end());
        }
    }
    CHECK(same_bits(fake_quantized(x, shape, to), expected));
    CHECK(same_bits(fake_quantized(x, {3, 1, 131}, to), expected));
}

TEST_CASE("AWholeRowIsAGroup") {
    const Shape shape{4, 700};
    const Numbers x = normal_numbers(numel(shape), 4);
    const bool symmetric = GENERATE(false, true);
    const auto grouped = [&](std::int64_t group) {
        return fake_quantized(x, shape, {.bits = 8, .group = group, .symmetric = symmetric});
    };
    CHECK(grouped(0) == grouped(700));
    CHECK(grouped(0) == grouped(5000));
    CHECK(grouped(0) != grouped(350));
}

TEST_CASE("AGroupOfZerosStaysZero") {
    const bool symmetric = GENERATE(false, true);
    const FakeQuantization to{.bits = 4, .group = 8, .symmetric = symmetric};
    Numbers x(16, -0.0);
    std::fill_n(x.begin(), 4, 0.0);
    CHECK(same_bits(fake_quantized(x, {1, 16}, to), Numbers(16, 0.0)));
    CHECK(gradient(x, Numbers(16, 1.0), {1, 16}, to) == Numbers(16, 1.0));
}

TEST_CASE("AGroupWithANumberThatIsNotFiniteBecomesNaN") {
    const auto check = [](auto zero, double odd) {
        using T = decltype(zero);
        for (const bool symmetric : {false, true}) {
            const FakeQuantization to{.bits = 8, .group = 8, .symmetric = symmetric};
            Numbers x = normal_numbers(24, 5);
            const Numbers before = fake_quantized<T>(x, {1, 24}, to);
            x[11] = odd;
            const Numbers y = fake_quantized<T>(x, {1, 24}, to);
            const Numbers dx = gradient<T>(x, Numbers(24, 1.0), {1, 24}, to);
            for (std::size_t i = 0; i < 24; ++i) {
                const bool hit = i / 8 == 1;
                CHECK(std::isnan(y[i]) == hit);
                // As torch masks it: the code of a finite number beside an infinity is that of 0.
                if (i == 11 || (hit && std::isnan(odd))) CHECK(dx[i] == 0.0);
                if (!hit) CHECK(y[i] == before[i]);
            }
        }
    };
    for (const double odd : {kInfinity, -kInfinity, kNaN, std::copysign(kNaN, -1.0)}) {
        check(float{}, odd);
        check(BFloat16{}, odd);
        check(Float16{}, odd);
        check(double{}, odd);
    }
    // Finite, but wider than any float.
    constexpr double kGreatest = std::numeric_limits<float>::max();
    const Numbers wide = fake_quantized({kGreatest, -kGreatest}, {1, 2}, {.symmetric = false});
    CHECK(std::ranges::all_of(wide, [](double y) { return std::isnan(y); }));
}

TEST_CASE("FakeQuantizationLeavesWhatLiesBetweenRows") {
    constexpr std::int64_t kRows = 3;
    Held<float> wide({kRows, 96}, normal_numbers(kRows * 96, 6));
    Held<float> out({kRows, 96}, 99.0);
    const auto columns = [](TensorView view) {
        view.shape = {kRows, 40};
        view.data += 8 * sizeof(float);
        return view;
    };
    const FakeQuantization to{.bits = 4, .group = 32};
    call(FakeQuantize{.to = to}, {columns(wide.view())}, {columns(out.view())});
    Numbers x;
    Numbers y;
    for (std::size_t i = 0; i < kRows * 96; ++i) {
        const bool inside = i % 96 >= 8 && i % 96 < 48;
        if (!inside) CHECK(out.numbers()[i] == 99.0);
        if (inside) x.push_back(wide.numbers()[i]);
        if (inside) y.push_back(out.numbers()[i]);
    }
    CHECK(y == fake_quantized(x, {kRows, 40}, to));
}

TEST_CASE("FakeQuantizationCountsWhatItsOpsDeclare") {
    Held<BFloat16> x({5, 37}, normal_numbers(5 * 37, 7));
    Held<BFloat16> y({5, 37}, 0.0);
    const FakeQuantize op{.to = {.group = 16}};
    StepGraph graph;
    Tensor tensor{};
    tensor.shape = {5, 37};
    tensor.dtype = DType::bf16;
    const std::array ids{graph.add(tensor)};
    const Specs specs(graph, ids);
    const double declared = op.work(specs, specs).vector.count();
    CHECK(static_cast<double>(call(op, {x.view()}, {y.view()}).vector) == declared);
    const FakeQuantizeGrad gradient_op{.to = op.to};
    const WorkCounter counted = call(gradient_op, {x.view(), y.view()}, {y.view()});
    CHECK(static_cast<double>(counted.vector) == declared);
}

TEST_CASE("FakeQuantizationIsTheSameOnAnyNumberOfThreads") {
    // More elements than one thread is given.
    const Shape shape{70, 1000};
    const Numbers x = normal_numbers(numel(shape), 8);
    const FakeQuantization to{.bits = 4, .group = 32};
    const Numbers y = fake_quantized(x, shape, to);
    for (const std::size_t row : {0U, 33U, 69U}) {
        CHECK(part(y, row * 1000, 1000) ==
              fake_quantized(part(x, row * 1000, 1000), {1, 1000}, to));
    }
}

}  // namespace headroom::test
