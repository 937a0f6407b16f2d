#include <omp.h>

#include <cstdint>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "planner/base/error.h"
#include "tests/kernels/call.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

/// x (n, in) * W (out, in)^T, by its definition.
Numbers times_transposed(const Numbers& x, const Numbers& w, std::size_t in) {
    const std::size_t rows = x.size() / in;
    const std::size_t out = w.size() / in;
    Numbers y(rows * out);
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t o = 0; o < out; ++o) {
            for (std::size_t k = 0; k < in; ++k) y[r * out + o] += x[r * in + k] * w[o * in + k];
        }
    }
    return y;
}

Numbers transposed(const Numbers& matrix, std::size_t columns) {
    const std::size_t rows = matrix.size() / columns;
    Numbers out(matrix.size());
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) out[c * rows + r] = matrix[r * columns + c];
    }
    return out;
}

void check_close(const Numbers& found, const Numbers& expected, double tolerance) {
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        INFO(i);
        REQUIRE(found[i] == Approx(expected[i]).margin(tolerance).epsilon(tolerance));
    }
}

std::vector<OpCase> cases() {
    return {
        {Linear{}, {real({5, 7}), parameter({3, 7}), parameter({3})}},
        {Linear{}, {real({1, 4}), parameter({6, 4})}},
        {Linear{}, {block({4, 5}, 9), parameter({2, 5}), parameter({2})}},
        {Linear{.f32_out = true}, {real({6, 5}), parameter({4, 5})}},
        {LinearAdd{.scale = 0.75}, {real({4, 6}), real({4, 3}), parameter({6, 3})}},
        {LinearAdd{.scale = -2.0}, {block({3, 4}, 7), block({3, 2}, 5), parameter({4, 2})}},
    };
}

}  // namespace

TEST_CASE("LinearIsTheProductWithTheTransposedWeightPlusBias") {
    const std::int64_t rows = GENERATE(1, 9);
    const std::int64_t gap = GENERATE(0, 3);
    const auto x = normal_numbers(rows * 300, 1);
    const auto w = normal_numbers(5 * 300, 2);
    const Numbers bias{1, -2, 3, -4, 5};
    Held<double> x_held({rows, 300}, x, gap);
    Held<double> w_held({5, 300}, w);
    Held<double> bias_held({5}, bias);
    Held<double> y({rows, 5}, 99.0, gap);
    call(Linear{}, {x_held.view(), w_held.view(), bias_held.view()}, {y.view()});
    Numbers expected = times_transposed(x, w, 300);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += bias[i % 5];
    check_close(y.numbers(), expected, 1e-12);
}

TEST_CASE("LinearGradientsAgreeWithFiniteDifferences") {
    for (const auto& c : cases()) check_gradient(c);
}

TEST_CASE("LinearAgreesAcrossDtypes") {
    for (const auto& c : cases()) check_dtypes(c);
}

TEST_CASE("LinearCountsTheWorkItDeclares") {
    for (const auto& c : cases()) check_work(c);
}

TEST_CASE("HalfPrecisionProductsAreRoundedOnceAtTheEnd") {
    // 1 + 1024 terms of 2^-9 make 3; a sum kept in bf16 would stay at 1.
    Numbers x(1025, 0x1p-9);
    x[0] = 1.0;
    Held<BFloat16> x_held({1, 1025}, x);
    Held<BFloat16> w({1, 1025}, 1.0);
    Held<BFloat16> y({1, 1}, 0.0);
    call(Linear{}, {x_held.view(), w.view()}, {y.view()});
    CHECK(y.numbers()[0] == 3.0);
    // 256 + 2.5 is rounded to 258; 256 + 1 + 1, each rounded, would stay at 256.
    Held<BFloat16> dw({1, 1}, 256.0);
    Held<BFloat16> twice({2, 1}, Numbers{1.0, 1.5});
    Held<BFloat16> ones({2, 1}, 1.0);
    call(LinearGradWeight{.accumulation = Accumulation::add}, {twice.view(), ones.view()},
         {dw.view()});
    CHECK(dw.numbers()[0] == 258.0);
}

TEST_CASE("ProductsAreThoseOfTheDefinitionInAnyWorkspace") {
    // More rows, columns and terms than a tile has.
    Held<BFloat16> x({70, 600}, normal_numbers(70 * 600, 3), 5);
    Held<BFloat16> w({90, 600}, normal_numbers(90 * 600, 4));
    Held<BFloat16> x_turned({600, 70}, transposed(x.numbers(), 600), 3);
    Held<BFloat16> w_turned({600, 90}, transposed(w.numbers(), 600), 1);
    const Numbers expected = times_transposed(x.numbers(), w.numbers(), 600);
    for (const std::size_t bytes : {std::size_t{1} << 22, std::size_t{40000}, std::size_t{2052}}) {
        const CallSettings settings{.workspace = bytes};
        Held<float> y({70, 90}, 99.0);
        const auto work = call(Linear{.f32_out = true}, {x.view(), w.view()}, {y.view()}, settings);
        check_close(y.numbers(), expected, 1e-4);
        CHECK(work.matrix == 2 * 70 * 90 * 600);
        call(LinearGradWeight{}, {w_turned.view(), x_turned.view()}, {y.view()}, settings);
        check_close(y.numbers(), expected, 1e-4);
        call(LinearGradInput{}, {x.view(), w_turned.view()}, {y.view()}, settings);
        check_close(y.numbers(), expected, 1e-4);
    }
    Held<float> y({70, 90}, 0.0);
    CHECK_THROWS_AS(
        call(Linear{.f32_out = true}, {x.view(), w.view()}, {y.view()}, {.workspace = 2044}),
        InternalError);
}

TEST_CASE("ProductsDoNotDependOnTheNumberOfThreads") {
    const auto x = normal_numbers(70 * 300, 5);
    const auto w = normal_numbers(130 * 300, 6);
    const auto product = [&](auto zero) {
        using T = decltype(zero);
        Held<T> x_held({70, 300}, x);
        Held<T> w_held({130, 300}, w);
        Held<T> y({70, 130}, 0.0);
        call(Linear{}, {x_held.view(), w_held.view()}, {y.view()}, {.workspace = 1 << 20});
        return y.numbers();
    };
    const int before = omp_get_max_threads();
    std::vector<Numbers> found;
    for (const int threads : {1, 2, 5}) {
        omp_set_num_threads(threads);
        Numbers all = product(double{});
        for (const Numbers& part : {product(float{}), product(BFloat16{})}) {
            all.insert(all.end(), part.begin(), part.end());
        }
        found.push_back(all);
    }
    omp_set_num_threads(before);
    CHECK(found[1] == found[0]);
    CHECK(found[2] == found[0]);
}

TEST_CASE("WeightGradientsOverwriteOrAdd") {
    const auto x = normal_numbers(11 * 4, 5);
    const auto dy = normal_numbers(11 * 3, 6);
    Held<BFloat16> x_held({11, 4}, x, 2);
    Held<BFloat16> dy_held({11, 3}, dy, 1);
    Numbers product =
        times_transposed(transposed(dy_held.numbers(), 3), transposed(x_held.numbers(), 4), 11);
    for (auto& value : product) value *= 0.5;
    struct Row {
        Accumulation accumulation;
        bool first;
        double kept;
    };
    for (const auto& [accumulation, first, kept] :
         {Row{Accumulation::overwrite, true, 0.0}, Row{Accumulation::overwrite, false, 0.0},
          Row{Accumulation::add, true, 7.0}, Row{Accumulation::add_after_first, true, 0.0},
          Row{Accumulation::add_after_first, false, 7.0}}) {
        Held<float> dw({3, 4}, 7.0);
        call(LinearGradWeight{.scale = 0.5, .accumulation = accumulation},
             {x_held.view(), dy_held.view()}, {dw.view()}, {.first_micro_step = first});
        Numbers expected = product;
        for (auto& value : expected) value += kept;
        check_close(dw.numbers(), expected, 1e-5);
    }
}

TEST_CASE("BiasGradientsAreColumnSums") {
    const auto dy = normal_numbers(50 * 130, 7);
    Numbers sums(130);
    Held<float> dy_held({50, 130}, dy, 3);
    const auto stored = dy_held.numbers();
    for (std::size_t i = 0; i < stored.size(); ++i) sums[i % 130] += stored[i];
    Held<float> dbias({130}, 7.0);
    call(BiasGrad{}, {dy_held.view()}, {dbias.view()});
    check_close(dbias.numbers(), sums, 1e-6);
    call(BiasGrad{.accumulation = Accumulation::add_after_first}, {dy_held.view()}, {dbias.view()},
         {.first_micro_step = false});
    for (auto& value : sums) value *= 2.0;
    check_close(dbias.numbers(), sums, 1e-6);
}

TEST_CASE("ProductsOfNothingAreZeroOrWhatWasThere") {
    Held<float> x({1, 3}, 1.0);
    Held<float> dy({1, 2}, 1.0);
    const MatrixView none = row_block(matrix(x.view()), 0, 0);
    const MatrixView no_dy = row_block(matrix(dy.view()), 0, 0);
    Held<float> dw({2, 3}, 7.0);
    const MatrixView to = matrix(dw.view());
    multiply({.a = {no_dy, Form::transposed}, .b = {none}, .plus = to}, to, {});
    CHECK(dw.numbers() == Numbers(6, 7.0));
    multiply({.a = {no_dy, Form::transposed}, .b = {none}}, to, {});
    CHECK(dw.numbers() == Numbers(6, 0.0));
}

TEST_CASE("FactorsThatDoNotFitAreRefused") {
    Held<float> a({2, 3}, 1.0);
    Held<float> b({2, 3}, 1.0);
    Held<float> c({2, 2}, 0.0);
    CHECK_THROWS_AS(
        multiply({.a = {matrix(a.view())}, .b = {matrix(b.view())}}, matrix(c.view()), {}),
        InternalError);
}

}  // namespace headroom::test
