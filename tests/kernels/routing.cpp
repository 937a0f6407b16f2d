#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "tests/kernels/told.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

OpInput integers(Shape shape, std::vector<double> values) {
    return {.shape = shape, .fill = Fill::values, .dtype = DType::i32, .values = std::move(values)};
}

std::vector<OpCase> routers() {
    const StepScalars scaled{.auxiliary_scale = 1.75F};
    std::vector<OpCase> all;
    for (const auto score : {ScoreKind::softmax, ScoreKind::sigmoid}) {
        for (const bool normalize : {false, true}) {
            all.push_back({.op = TopK{.k = 2, .score = score, .normalize = normalize, .scale = 2.5},
                           .inputs = {real({5, 4})},
                           .differentiated = {1}});
        }
        all.push_back({.op = TopK{.k = 3, .score = score, .aux = 0.5, .z = 0.25},
                       .inputs = {real({6, 7})},
                       .scalars = scaled,
                       .differentiated = {1}});
        all.push_back({.op = TopK{.k = 1, .score = score, .normalize = false, .aux = 2.0},
                       .inputs = {block({4, 3}, 5)},
                       .scalars = scaled,
                       .differentiated = {1}});
    }
    all.push_back({.op = TopK{.k = 3, .z = 1.0}, .inputs = {real({1, 3})}, .differentiated = {1}});
    return all;
}

std::vector<OpCase> permutations() {
    const OpInput chosen = integers({4, 2}, {0, 2, 2, 1, 0, 1, 2, 0});
    return {
        {Permute{.experts = 3}, {real({4, 5}), chosen, real({4, 2})}},
        {Permute{.experts = 4, .slots = 2}, {block({4, 3}, 5), chosen, real({4, 2})}},
        {Permute{.experts = 3}, {real({1, 1}), integers({1, 2}, {2, 0}), real({1, 2})}},
        {Unpermute{.tokens = 3}, {real({6, 4}), integers({6}, {5, 0, 3, 1, 2, 4})}},
        {Unpermute{.tokens = 3}, {block({6, 2}, 5), integers({6}, {4, -1, 0, 1, -1, -1})}},
    };
}

/// The rows of a router with its definition, one token after the other.
struct Routed {
    Numbers probabilities;
    Numbers weights;
    Numbers experts;
    Numbers lse;
    double balance = 0.0;
    double z = 0.0;
};

Routed by_definition(const Numbers& logits, std::size_t experts, const TopK& op) {
    Routed all;
    const std::size_t tokens = logits.size() / experts;
    const auto k = static_cast<std::size_t>(op.k);
    Numbers share(experts);
    Numbers chosen(experts);
    for (std::size_t t = 0; t < tokens; ++t) {
        const Numbers x(logits.begin() + static_cast<std::ptrdiff_t>(t * experts),
                        logits.begin() + static_cast<std::ptrdiff_t>((t + 1) * experts));
        double sum = 0.0;
        for (const double value : x) sum += std::exp(value);
        all.lse.push_back(std::log(sum));
        Numbers score;
        for (const double value : x) {
            all.probabilities.push_back(std::exp(value) / sum);
            score.push_back(op.score == ScoreKind::softmax ? std::exp(value) / sum
                                                           : 1.0 / (1.0 + std::exp(-value)));
        }
        const double total = std::accumulate(score.begin(), score.end(), 0.0);
        std::vector<std::size_t> order(experts);
        std::iota(order.begin(), order.end(), 0);
        std::ranges::stable_sort(order, [&](auto a, auto b) { return x[a] > x[b]; });
        double of_chosen = 0.0;
        for (std::size_t i = 0; i < k; ++i) of_chosen += score[order[i]];
        for (std::size_t i = 0; i < k; ++i) {
            all.experts.push_back(static_cast<double>(order[i]));
            all.weights.push_back(op.scale * score[order[i]] / (op.normalize ? of_chosen : 1.0));
            chosen[order[i]] += 1.0 / static_cast<double>(tokens);
        }
        for (std::size_t e = 0; e < experts; ++e) {
            share[e] += score[e] / total / static_cast<double>(tokens);
        }
        all.z += all.lse.back() * all.lse.back() / static_cast<double>(tokens);
    }
    for (std::size_t e = 0; e < experts; ++e) {
        all.balance += static_cast<double>(experts) * chosen[e] * share[e];
    }
    return all;
}

struct Router {
    Routed made;
    double loss = 0.0;
};
Router route(const Numbers& logits, std::int64_t experts, const TopK& op) {
    const auto tokens = static_cast<std::int64_t>(logits.size()) / experts;
    Held<double> in({tokens, experts}, logits, 1);
    Held<double> probabilities({tokens, experts}, 0.0);
    Held<double> weights({tokens, op.k}, 0.0);
    Held<std::int32_t> chosen({tokens, op.k}, -1.0);
    Held<double> lse({tokens}, 0.0);
    const auto scalars =
        tell(op, {in.view()}, {probabilities.view(), weights.view(), chosen.view(), lse.view()},
             {.scalars = {.auxiliary_sum = 10.0}});
    return {{probabilities.numbers(), weights.numbers(), chosen.numbers(), lse.numbers()},
            scalars.auxiliary_sum - 10.0};
}

void check_close(const Numbers& found, const Numbers& expected, double tolerance = 1e-12) {
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        INFO(i);
        REQUIRE(found[i] == Approx(expected[i]).margin(tolerance).epsilon(tolerance));
    }
}

struct Permuted {
    Numbers rows;
    Numbers weights;
    Numbers map;
    Numbers counts;
};
/// Tokens of two columns, 10 t and 10 t + 1, weights 0.5, 1, 1.5, ...
Permuted permute(const Numbers& chosen, std::int64_t k, const Permute& op, std::int64_t rows) {
    const auto tokens = static_cast<std::int64_t>(chosen.size()) / k;
    Numbers x;
    Numbers weights;
    for (std::int64_t t = 0; t < tokens; ++t) {
        x.push_back(static_cast<double>(10 * t));
        x.push_back(static_cast<double>(10 * t + 1));
        for (std::int64_t i = 0; i < k; ++i) {
            weights.push_back(static_cast<double>(t * k + i + 1) / 2.0);
        }
    }
    Held<BFloat16> x_held({tokens, 2}, x, 1);
    Held<std::int32_t> chosen_held({tokens, k}, chosen);
    Held<float> weights_held({tokens, k}, weights);
    Held<BFloat16> out({rows, 2}, 9.0, 2);
    Held<float> row_weights({rows}, 9.0);
    Held<std::int32_t> map({rows}, 9.0);
    Held<std::int32_t> counts({op.experts}, 9.0);
    tell(op, {x_held.view(), chosen_held.view(), weights_held.view()},
         {out.view(), row_weights.view(), map.view(), counts.view()});
    return {out.numbers(), row_weights.numbers(), map.numbers(), counts.numbers()};
}

}  // namespace

TEST_CASE("RouterGradientsAgreeWithFiniteDifferences") {
    for (const auto& c : routers()) check_gradient(c);
}

TEST_CASE("RoutersAgreeAcrossDtypes") {
    for (const auto& c : routers()) check_dtypes(c);
}

TEST_CASE("PermutationGradientsAgreeWithFiniteDifferences") {
    for (const auto& c : permutations()) check_gradient(c);
}

TEST_CASE("PermutationsAgreeAcrossDtypes") {
    for (const auto& c : permutations()) check_dtypes(c);
}

TEST_CASE("RoutingDoesNoMatrixWork") {
    check_work(routers().front());
    for (const auto& c : permutations()) check_work(c);
}

TEST_CASE("TopKFollowsItsDefinition") {
    for (const auto score : {ScoreKind::softmax, ScoreKind::sigmoid}) {
        for (const bool normalize : {false, true}) {
            const TopK op{.k = 3,
                          .score = score,
                          .normalize = normalize,
                          .scale = 2.5,
                          .aux = 0.5,
                          .z = 0.25};
            const auto logits = normal_numbers(2100 * 9, 4);  // more than two blocks of tokens
            const Routed expected = by_definition(logits, 9, op);
            const auto [found, loss] = route(logits, 9, op);
            check_close(found.probabilities, expected.probabilities);
            check_close(found.weights, expected.weights);
            CHECK(found.experts == expected.experts);
            check_close(found.lse, expected.lse);
            CHECK(loss == Approx(0.5 * expected.balance + 0.25 * expected.z).epsilon(1e-12));
        }
    }
}

TEST_CASE("EqualLogitsGoToTheLowestExpert") {
    const auto found = route({1, 2, 2, 1, 2, 5, 5, 5, 5, 5}, 5, {.k = 3}).made;
    CHECK(found.experts == Numbers{1, 2, 4, 0, 1, 2});
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(route({nan, nan, 1, nan}, 4, {.k = 3}).made.experts == Numbers{2, 0, 1});
}

TEST_CASE("BalancedRoutersLoseOneAChoice") {
    // Every token likes all experts alike, and a different one a little more.
    Numbers logits(4 * 4);
    for (std::size_t t = 0; t < 4; ++t) logits[t * 4 + t] = 1e-9;
    CHECK(route(logits, 4, {.k = 1, .aux = 1.0}).loss == Approx(1.0));
    CHECK(route(Numbers(8, 0.0), 4, {.k = 4, .aux = 1.0}).loss == Approx(4.0));
    // All tokens go to one expert with all their probability.
    CHECK(route({90, 0, 90, 0}, 2, {.k = 1, .aux = 1.0}).loss == Approx(2.0));
}

TEST_CASE("SigmoidScoresAreExactFarFromZero") {
    Held<float> logits({1, 3}, Numbers{200, -30, 30});
    Held<float> probabilities({1, 3}, 0.0);
    Held<float> weights({1, 3}, 0.0);
    Held<std::int32_t> chosen({1, 3}, 0.0);
    Held<float> lse({1}, 0.0);
    const TopK op{.k = 3, .score = ScoreKind::sigmoid, .normalize = false};
    tell(op, {logits.view()}, {probabilities.view(), weights.view(), chosen.view(), lse.view()});
    CHECK(weights.numbers()[0] == 1.0);
    Held<float> low({1, 3}, Numbers{-40, -50, -60});
    tell(op, {low.view()}, {probabilities.view(), weights.view(), chosen.view(), lse.view()});
    check_close(weights.numbers(), {std::exp(-40.0), std::exp(-50.0), std::exp(-60.0)}, 1e-20);
    CHECK(weights.numbers()[2] == Approx(std::exp(-60.0)).epsilon(1e-5));
}

TEST_CASE("RouterLossesAreTheSameWithAnyNumberOfThreads") {
    const auto logits = normal_numbers(3000 * 8, 4);
    const auto found = by_threads([&] {
        return route(logits, 8, {.k = 2, .score = ScoreKind::sigmoid, .aux = 1.0, .z = 1.0}).loss;
    });
    CHECK(found[1] == found[0]);
    CHECK(found[2] == found[0]);
}

TEST_CASE("PermuteSortsCopiesByExpertAndKeepsTheirOrder") {
    // Three tokens of two choices: token 0 goes to 2 and 0, 1 to 2 and 1, 2 to 0 and 2.
    const auto found = permute({2, 0, 2, 1, 0, 2}, 2, {.experts = 4}, 6);
    CHECK(found.map == Numbers{3, 2, 4, 0, 1, 5});  // choice * 3 + token
    CHECK(found.counts == Numbers{2, 1, 3, 0});
    CHECK(found.rows == Numbers{0, 1, 20, 21, 10, 11, 0, 1, 10, 11, 20, 21});
    CHECK(found.weights == Numbers{1.0, 2.5, 2.0, 0.5, 1.5, 3.0});
}

TEST_CASE("PermuteDropsWhatExceedsItsSlots") {
    const auto found = permute({2, 0, 2, 1, 0, 2}, 2, {.experts = 3, .slots = 2}, 6);
    CHECK(found.map == Numbers{3, 2, 4, -1, 0, 1});
    CHECK(found.counts == Numbers{2, 1, 2});
    CHECK(found.rows == Numbers{0, 1, 20, 21, 10, 11, 0, 0, 0, 1, 10, 11});
    CHECK(found.weights == Numbers{1.0, 2.5, 2.0, 0.0, 0.5, 1.5});
}

TEST_CASE("CopiesOfATokenAreSummed") {
    // Two tokens: the first has rows 2 and 0, the second row 1 alone.
    Held<double> rows({4, 2}, Numbers{1, 2, 10, 20, 100, 200, 5, 5}, 1);
    Held<std::int32_t> map({4}, Numbers{2, 1, 0, -1});
    Held<double> y({2, 2}, 9.0, 3);
    tell(Unpermute{.tokens = 2}, {rows.view(), map.view()}, {y.view()});
    CHECK(y.numbers() == Numbers{101, 202, 10, 20});
    Held<float> of_rows({4}, Numbers{0.25, 0.5, 0.75, 9.0});
    Held<float> dweights({2, 2}, 9.0);
    tell(PermuteGrad{.tokens = 2, .k = 2}, {rows.view(), of_rows.view(), map.view()},
         {y.view(), dweights.view()});
    CHECK(y.numbers() == Numbers{101, 202, 10, 20});
    CHECK(dweights.numbers() == Numbers{0.75, 0.25, 0.5, 0.0});
    Held<double> drows({4, 2}, 9.0);
    tell(UnpermuteGrad{}, {y.view(), map.view()}, {drows.view()});
    CHECK(drows.numbers() == Numbers{101, 202, 10, 20, 101, 202, 0, 0});
}

TEST_CASE("UnpermuteWorksInAsLittleRoomAsOneTokenNeeds") {
    constexpr std::int64_t tokens = 50;
    Numbers sources;
    for (int i = 0; i < 100; ++i) sources.push_back(i * 37 % 100);
    const auto values = normal_numbers(2 * tokens * 300, 6);
    Held<float> rows({2 * tokens, 300}, values);
    Held<std::int32_t> map({2 * tokens}, sources);
    const auto sum = [&](std::size_t workspace) {
        Held<float> y({tokens, 300}, 0.0);
        tell(Unpermute{.tokens = tokens}, {rows.view(), map.view()}, {y.view()},
             {.workspace = workspace});
        return y.numbers();
    };
    const auto whole = sum(1 << 16);
    CHECK(sum(64) == whole);
    for (const auto& found : by_threads([&] { return sum(128); })) CHECK(found == whole);
}

}  // namespace headroom::test
