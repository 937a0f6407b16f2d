#include <omp.h>

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/launch.h"
#include "tests/kernels/call.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

OpInput given(Shape shape, const Numbers& values) {
    return {.shape = shape, .fill = Fill::values, .values = values};
}

void check_close(const Numbers& found, const Numbers& expected) {
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        INFO(i);
        REQUIRE(found[i] == Approx(expected[i]).margin(1e-12));
    }
}

/// Each run of gamma.size() numbers normalised, by the definition.
Numbers normalised(const Norm& op, const Numbers& x, const Numbers& gamma, const Numbers& beta) {
    const std::size_t width = gamma.size();
    Numbers y(x.size());
    for (std::size_t first = 0; first < x.size(); first += width) {
        double mean = 0.0;
        if (op.kind == NormKind::layer) {
            for (std::size_t i = 0; i < width; ++i) mean += x[first + i];
            mean /= static_cast<double>(width);
        }
        double variance = 0.0;
        for (std::size_t i = 0; i < width; ++i) variance += std::pow(x[first + i] - mean, 2.0);
        variance /= static_cast<double>(width);
        for (std::size_t i = 0; i < width; ++i) {
            y[first + i] =
                (x[first + i] - mean) / std::sqrt(variance + op.eps) * (op.gain_offset + gamma[i]);
            if (op.bias) y[first + i] += beta[i];
        }
    }
    return y;
}

/// The outputs that reach a loss: statistics do not.
std::vector<OpCase> cases() {
    constexpr auto kLayer = NormKind::layer;
    return {
        {.op = Norm{}, .inputs = {real({5, 7}), parameter({7})}, .differentiated = {0}},
        {.op = Norm{.gain_offset = 1.0},
         .inputs = {block({4, 6}, 11), parameter({6})},
         .differentiated = {0}},
        {.op = Norm{.group = 4}, .inputs = {real({3, 12}), parameter({4})}, .differentiated = {0}},
        {.op = Norm{.residual = true, .branch_scale = 0.25},
         .inputs = {real({4, 5}), real({4, 5}), parameter({5})},
         .differentiated = {0, 1}},
        {.op = Norm{.residual = true},
         .inputs = {real({1, 3}), block({1, 3}, 8), frozen({3})},
         .differentiated = {1}},
        {.op = Norm{.kind = kLayer, .bias = true},
         .inputs = {real({4, 6}), parameter({6}), parameter({6})},
         .differentiated = {0}},
        {.op = Norm{.kind = kLayer, .eps = 1e-5, .group = 5},
         .inputs = {real({2, 10}), parameter({5})},
         .differentiated = {0}},
        {.op = Norm{.kind = kLayer, .residual = true, .branch_scale = 0.5, .bias = true},
         .inputs = {real({3, 5}), real({3, 5}), parameter({5}), parameter({5})},
         .differentiated = {0, 1}},
        {.op = Norm{.kind = kLayer, .eps = 0.5, .residual = true, .bias = true},
         .inputs = {real({70, 2}), real({70, 2}), parameter({2}), parameter({2})},
         .differentiated = {1}},
    };
}

}  // namespace

TEST_CASE("NormHasTheFormulasValues") {
    const auto kind = GENERATE(NormKind::rms, NormKind::layer);
    const auto [rows, columns, group] =
        GENERATE(std::tuple(1, 1, 0), std::tuple(3, 37, 0), std::tuple(4, 32, 8));
    const bool bias = GENERATE(false, true);
    const Norm op{.kind = kind, .eps = 1e-3, .bias = bias, .gain_offset = 1.0, .group = group};
    const std::int64_t width = group > 0 ? group : columns;
    const Numbers x = normal_numbers(rows * columns, 1);
    const Numbers gamma = normal_numbers(width, 2);
    const Numbers beta = normal_numbers(width, 3);
    OpCase c{.op = op, .inputs = {given({rows, columns}, x), given({width}, gamma)}};
    if (bias) c.inputs.push_back(given({width}, beta));
    check_close(run(c, DType::f64).outputs[0], normalised(op, x, gamma, beta));
}

TEST_CASE("ResidualNormAddsTheScaledBranchFirst") {
    const Norm op{.residual = true, .branch_scale = 0.5};
    const Numbers branch = normal_numbers(15, 1);
    const Numbers stream = normal_numbers(15, 2);
    const Numbers gamma = normal_numbers(5, 3);
    Numbers sum(15);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = 0.5 * branch[i] + stream[i];
    const auto result =
        run({.op = op, .inputs = {given({3, 5}, branch), given({3, 5}, stream), given({5}, gamma)}},
            DType::f64);
    check_close(result.outputs[0], sum);
    check_close(result.outputs[1], normalised(op, sum, gamma, {}));
}

TEST_CASE("NormGradientAgreesWithFiniteDifferences") {
    for (const auto& c : cases()) check_gradient(c);
}

TEST_CASE("NormKeepsTheAccuracyOfItsDtype") {
    for (const auto& c : cases()) check_dtypes(c);
}

TEST_CASE("NormDoesNoMatrixWork") {
    for (const auto& c : cases()) check_work(c);
}

TEST_CASE("NormOfTheStoredSumHasTheSameBits") {
    const auto kind = GENERATE(NormKind::rms, NormKind::layer);
    constexpr std::int64_t kRows = 5;
    constexpr std::int64_t kColumns = 45;
    Held<BFloat16> branch({kRows, kColumns}, normal_numbers(kRows * kColumns, 1));
    Held<BFloat16> stream({kRows, kColumns}, normal_numbers(kRows * kColumns, 2));
    Held<BFloat16> gamma({kColumns}, normal_numbers(kColumns, 3));
    Held<BFloat16> sum({kRows, kColumns}, 0.0);
    Held<BFloat16> y({kRows, kColumns}, 0.0);
    Held<BFloat16> again({kRows, kColumns}, 0.0);
    Held<float> rstd({kRows}, 0.0);
    Held<float> mean({kRows}, 0.0);
    Held<float> rstd_again({kRows}, 0.0);
    Held<float> mean_again({kRows}, 0.0);
    call(Norm{.kind = kind, .residual = true, .branch_scale = 0.3},
         {branch.view(), stream.view(), gamma.view()},
         {sum.view(), y.view(), rstd.view(), mean.view()});
    call(Norm{.kind = kind}, {sum.view(), gamma.view()},
         {again.view(), rstd_again.view(), mean_again.view()});
    CHECK(y.numbers() == again.numbers());
    CHECK(rstd.numbers() == rstd_again.numbers());
    CHECK(mean.numbers() == mean_again.numbers());
}

TEST_CASE("NormGradAddsToWhatItIsToldTo") {
    const auto [mode, first, expected_old] = GENERATE(
        std::tuple(Accumulation::overwrite, true, 0.0),
        std::tuple(Accumulation::overwrite, false, 0.0), std::tuple(Accumulation::add, true, 1.0),
        std::tuple(Accumulation::add_after_first, true, 0.0),
        std::tuple(Accumulation::add_after_first, false, 1.0));
    Held<float> x({3, 4}, normal_numbers(12, 1));
    Held<float> dy({3, 4}, normal_numbers(12, 2));
    Held<float> gamma({4}, 1.0);
    Held<float> rstd({3}, 2.0);
    Held<float> mean({3}, 0.0);
    Held<float> dx({3, 4}, 0.0);
    Held<float> partials({kNormPartials, 8}, 0.0);
    Held<double> dgamma({4}, 100.0);
    Held<BFloat16> dbeta({4}, 128.0);
    call(NormGrad{.kind = NormKind::layer, .bias = true, .in_place = false, .accumulation = mode},
         {dy.view(), x.view(), gamma.view(), rstd.view(), mean.view()},
         {dx.view(), partials.view(), dgamma.view(), dbeta.view()}, {.first_micro_step = first});
    for (std::size_t i = 0; i < 4; ++i) {
        double gain = 0.0;
        double shift = 0.0;
        for (std::size_t n = 0; n < 3; ++n) {
            gain += dy.numbers()[4 * n + i] * x.numbers()[4 * n + i] * 2.0;
            shift += dy.numbers()[4 * n + i];
        }
        CHECK(dgamma.numbers()[i] == Approx(100.0 * expected_old + gain).epsilon(1e-5));
        CHECK(dbeta.numbers()[i] ==
              Approx(128.0 * expected_old + shift).epsilon(0.01).margin(0.01));
    }
}

TEST_CASE("NormGradHasTheSameBitsOnAnyNumberOfThreads") {
    constexpr std::int64_t kRows = 1000;  // enough to be worth threads
    constexpr std::int64_t kColumns = 19;
    Held<float> x({kRows, kColumns}, normal_numbers(kRows * kColumns, 1));
    Held<float> dy({kRows, kColumns}, normal_numbers(kRows * kColumns, 2));
    Held<float> gamma({kColumns}, 1.0);
    Held<float> rstd({kRows}, 1.0);
    const auto gradients = [&](int threads) {
        const int before = omp_get_max_threads();
        omp_set_num_threads(threads);
        Held<float> dx({kRows, kColumns}, 0.0);
        Held<float> partials({kNormPartials, kColumns}, 0.0);
        Held<float> dgamma({kColumns}, 0.0);
        call(NormGrad{.in_place = false}, {dy.view(), x.view(), gamma.view(), rstd.view()},
             {dx.view(), partials.view(), dgamma.view()});
        omp_set_num_threads(before);
        return std::pair(dx.numbers(), dgamma.numbers());
    };
    const auto one = gradients(1);
    CHECK(gradients(2) == one);
    CHECK(gradients(7) == one);
}

}  // namespace headroom::test
