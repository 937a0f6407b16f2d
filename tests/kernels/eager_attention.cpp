#include <omp.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "tests/kernels/attention_reference.h"
#include "tests/kernels/call.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

OpInput given(Shape shape, const Numbers& values) {
    return {.shape = shape, .fill = Fill::values, .values = values};
}

/// Scores without a mask: those with one are infinite, and have no differences.
std::vector<OpCase> score_cases() {
    const AttentionShape whole{.batch = 2, .head_dim = 3, .value_dim = 3, .causal = false};
    AttentionShape capped = whole;
    capped.softcap = 1.5;
    AttentionShape scaled = whole;
    scaled.scale = 0.7;
    scaled.alibi = true;
    return {{Scores{whole}, {real({4, 12}), real({6, 6})}},
            {Scores{whole}, {block({6, 6}, 10), block({6, 3}, 5), parameter({8, 2})}},
            {Scores{capped}, {real({4, 3}), real({4, 3}), parameter({4, 1})}},
            {Scores{scaled}, {real({2, 6}), real({2, 6})}}};
}

std::vector<OpCase> softmax_cases() {
    return {{Softmax{}, {real({2, 2, 3, 5})}},
            {Softmax{}, {real({1, 1, 1, 1})}},
            {Softmax{}, {real({1, 3, 2, 18}), parameter({3})}}};
}

std::vector<OpCase> context_cases() {
    const AttentionShape shape{.batch = 2, .head_dim = 3, .value_dim = 3};
    return {{Context{shape}, {real({2, 4, 3, 3}), real({6, 6})}},
            {Context{shape}, {real({2, 2, 1, 4}), block({8, 3}, 7)}}};
}

std::vector<OpCase> cases() {
    std::vector<OpCase> all = score_cases();
    for (auto& c : softmax_cases()) all.push_back(c);
    for (auto& c : context_cases()) all.push_back(c);
    return all;
}

}  // namespace

TEST_CASE("ScoresAreMaskedProducts") {
    const auto dtype = GENERATE(DType::f64, DType::bf16, DType::f16);
    AttentionShape shape{.batch = 2, .head_dim = 4, .value_dim = 4, .window = 3, .softcap = 5.0};
    const AttentionReference reference{
        .shape = shape, .heads = 4, .kv_heads = 2, .queries = 6, .keys = 6};
    const Numbers q = normal_numbers(2 * 6 * 16, 1);
    const Numbers k = normal_numbers(2 * 6 * 8, 2);
    const OpCase c{.op = Scores{shape}, .inputs = {given({12, 16}, q), given({12, 8}, k)}};
    const Numbers scores = run(c, dtype).outputs[0];
    std::size_t at = 0;
    for (std::int64_t b = 0; b < 2; ++b) {
        for (std::int64_t h = 0; h < 4; ++h) {
            for (std::int64_t i = 0; i < 6; ++i) {
                for (std::int64_t j = 0; j < 6; ++j, ++at) {
                    if (reference.attends(i, j)) {
                        CHECK(scores[at] == Approx(reference.score(q, k, b, h, i, j))
                                                .margin(dtype == DType::f64 ? 1e-12 : 0.05));
                    } else {
                        CHECK(scores[at] == -std::numeric_limits<double>::infinity());
                    }
                }
            }
        }
    }
}

TEST_CASE("GradientsOfMaskedScoresGoNoFurther") {
    const AttentionShape shape{.batch = 1, .head_dim = 2, .value_dim = 2};
    Held<float> q({3, 2}, 1.0);
    Held<float> k({3, 2}, 1.0);
    Held<float> dscores({1, 1, 3, 3}, 1.0);
    Held<float> dq({3, 2}, 0.0);
    Held<float> dk({3, 2}, 0.0);
    call(ScoresGrad{.shape = shape}, {q.view(), k.view(), dscores.view()}, {dq.view(), dk.view()});
    const double unit = 1.0 / std::sqrt(2.0);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(dq.numbers()[2 * i] == Approx(unit * static_cast<double>(i + 1)));
        CHECK(dk.numbers()[2 * i] == Approx(unit * static_cast<double>(3 - i)));
    }
}

TEST_CASE("SoftmaxRowsAreSharesOfTheirSum") {
    constexpr double kMasked = -std::numeric_limits<double>::infinity();
    const Numbers scores{1.0, 2.0, kMasked, -1.0, kMasked, 0.5};
    const Numbers sinks{0.3, -2.0};
    const OpInput in = given({1, 2, 1, 3}, scores);
    const Numbers plain = run({.op = Softmax{}, .inputs = {in}}, DType::f64).outputs[0];
    const Numbers with =
        run({.op = Softmax{}, .inputs = {in, given({2}, sinks)}}, DType::f64).outputs[0];
    for (std::size_t row = 0; row < 2; ++row) {
        double sum = 0.0;
        for (std::size_t j = 0; j < 3; ++j) sum += std::exp(scores[3 * row + j]);
        for (std::size_t j = 0; j < 3; ++j) {
            const double weight = std::exp(scores[3 * row + j]);
            CHECK(plain[3 * row + j] == Approx(weight / sum));
            CHECK(with[3 * row + j] == Approx(weight / (sum + std::exp(sinks[row]))));
        }
    }
}

TEST_CASE("ContextIsTheWeightedSumOfValues") {
    const AttentionShape shape{.batch = 2, .head_dim = 1, .value_dim = 3};
    const Numbers p = normal_numbers(2 * 4 * 2 * 5, 1);
    const Numbers v = normal_numbers(10 * 6, 2);
    const Numbers out =
        run({.op = Context{shape}, .inputs = {given({2, 4, 2, 5}, p), given({10, 6}, v)}},
            DType::f64)
            .outputs[0];
    for (std::size_t n = 0; n < 4; ++n) {
        for (std::size_t column = 0; column < 12; ++column) {
            const std::size_t head = column / 3;
            double sum = 0.0;
            for (std::size_t j = 0; j < 5; ++j) {
                sum += p[((n / 2 * 4 + head) * 2 + n % 2) * 5 + j] *
                       v[(n / 2 * 5 + j) * 6 + head / 2 * 3 + column % 3];
            }
            CHECK(out[n * 12 + column] == Approx(sum));
        }
    }
}

TEST_CASE("EagerAttentionGradientAgreesWithFiniteDifferences") {
    for (const auto& c : cases()) check_gradient(c);
}

TEST_CASE("EagerAttentionKeepsTheAccuracyOfItsDtype") {
    // A sink's probability is what the stored ones leave of 1, so it has their rounding.
    for (const auto& c : cases()) check_dtypes(c, 2.0);
}

TEST_CASE("EagerAttentionComputesWholeSquares") {
    for (const auto& c : cases()) check_work(c);
}

TEST_CASE("SoftmaxGradAddsToWhatItIsToldTo") {
    Held<float> p({1, 2, 1, 2}, 0.25);
    Held<float> sinks({2}, 0.0);
    const auto gradient = [&](Accumulation mode, bool first) {
        Held<float> dp({1, 2, 1, 2}, Numbers{1.0, 2.0, 3.0, 4.0});
        Held<double> dsinks({2}, 10.0);
        call(SoftmaxGrad{.accumulation = mode}, {p.view(), dp.view(), sinks.view()},
             {dp.view(), dsinks.view()}, {.first_micro_step = first});
        return dsinks.numbers();
    };
    const Numbers alone{-0.5 * 0.75, -0.5 * 1.75};
    const Numbers added{10.0 + alone[0], 10.0 + alone[1]};
    CHECK(gradient(Accumulation::overwrite, true) == alone);
    CHECK(gradient(Accumulation::add, true) == added);
    CHECK(gradient(Accumulation::add_after_first, true) == alone);
    CHECK(gradient(Accumulation::add_after_first, false) == added);
}

TEST_CASE("EagerAttentionHasTheSameBitsOnAnyNumberOfThreads") {
    const AttentionShape shape{.batch = 2, .head_dim = 8, .value_dim = 8, .causal = false};
    const std::vector<OpCase> large{
        {Scores{shape}, {real({270, 16}), real({270, 8}), parameter({8, 2})}},
        {Softmax{}, {real({1, 2, 100, 90}), parameter({2})}},
        {Context{shape}, {real({2, 2, 40, 40}), real({80, 8})}}};
    for (const auto& c : large) {
        const auto results = [&](int threads) {
            const int before = omp_get_max_threads();
            omp_set_num_threads(threads);
            const auto result = run(c, DType::bf16);
            omp_set_num_threads(before);
            return std::pair(result.outputs, result.gradients);
        };
        const auto one = results(1);
        CHECK(results(3) == one);
    }
}

}  // namespace headroom::test
