#include <cstdint>
#include <vector>

#include "tests/kernels/call.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

constexpr std::int64_t kExperts = 3;
constexpr std::int64_t kIn = 5;
constexpr std::int64_t kOut = 4;

OpInput counts(std::vector<double> values) {
    return {.shape = {static_cast<std::int64_t>(values.size())},
            .fill = Fill::values,
            .dtype = DType::i32,
            .values = std::move(values)};
}

/// Rows of uneven experts, of one with all, and of slots not all used.
std::vector<OpCase> cases() {
    const OpInput weights = parameter({kExperts, kOut, kIn});
    const OpInput bias = parameter({kExperts, kOut});
    return {
        {GroupedLinear{}, {real({7, kIn}), weights, counts({4, 0, 3})}},
        {GroupedLinear{}, {real({7, kIn}), weights, counts({4, 2, 1}), bias}},
        {GroupedLinear{}, {block({6, kIn}, 8), weights, counts({0, 6, 0}), bias}},
        {GroupedLinear{}, {real({9, kIn}), weights, counts({1, 3, 2}), bias}},
    };
}

/// y by its definition, given each row's expert.
Numbers by_definition(const Numbers& x, const Numbers& w, const Numbers& bias,
                      const std::vector<std::size_t>& experts) {
    constexpr std::size_t in = kIn;
    constexpr std::size_t out = kOut;
    Numbers y;
    for (std::size_t r = 0; r < experts.size(); ++r) {
        for (std::size_t o = 0; o < out; ++o) {
            double sum = bias[experts[r] * out + o];
            for (std::size_t k = 0; k < in; ++k) {
                sum += x[r * in + k] * w[(experts[r] * out + o) * in + k];
            }
            y.push_back(sum);
        }
    }
    return y;
}

void check_close(const Numbers& found, const Numbers& expected) {
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        INFO(i);
        REQUIRE(found[i] == Approx(expected[i]).margin(1e-12));
    }
}

}  // namespace

TEST_CASE("EachRowMeetsTheMatrixOfItsExpert") {
    struct Row {
        Numbers counts;
        std::vector<std::size_t> experts;
    };
    const auto w = normal_numbers(kExperts * kOut * kIn, 1);
    const auto bias = normal_numbers(kExperts * kOut, 2);
    Held<double> w_held({kExperts, kOut, kIn}, w);
    Held<double> bias_held({kExperts, kOut}, bias);
    for (const auto& [counts, experts] : {
             Row{{3, 0, 4}, {0, 0, 0, 2, 2, 2, 2}},
             Row{{0, 0, 2}, {2, 2}},
             // Slots: an even share each, used or not.
             Row{{1, 2, 0}, {0, 0, 1, 1, 2, 2}},
             Row{{2, 2, 2}, {0, 0, 1, 1, 2, 2}},
             // What two ranks sent, in slots.
             Row{{1, 2, 2, 2, 0, 1}, {0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2}},
             // Room for more rows than came.
             Row{{4, 1, 0}, {0, 0, 0, 0, 1, 2, 2}},
         }) {
        const auto rows = static_cast<std::int64_t>(experts.size());
        const auto x = normal_numbers(rows * kIn, 3);
        Held<double> x_held({rows, kIn}, x, 1);
        Held<std::int32_t> counts_held({static_cast<std::int64_t>(counts.size())}, counts);
        Held<double> y({rows, kOut}, 99.0, 2);
        const auto work =
            call(GroupedLinear{},
                 {x_held.view(), w_held.view(), counts_held.view(), bias_held.view()}, {y.view()});
        check_close(y.numbers(), by_definition(x, w, bias, experts));
        CHECK(work.matrix == 2 * rows * kOut * kIn);
    }
}

TEST_CASE("GroupedLinearGradientsAgreeWithFiniteDifferences") {
    for (const auto& c : cases()) check_gradient(c);
}

TEST_CASE("GroupedLinearAgreesAcrossDtypes") {
    for (const auto& c : cases()) check_dtypes(c);
}

TEST_CASE("GroupedLinearCountsTheWorkItDeclares") {
    for (const auto& c : cases()) check_work(c);
}

TEST_CASE("AnExpertWithoutRowsHasNoGradient") {
    Held<float> x({4, kIn}, 1.0);
    Held<float> dy({4, kOut}, 0.5);
    Held<std::int32_t> counts({kExperts}, Numbers{3, 0, 1});
    const auto product = [&](double kept) {
        Numbers dw;
        for (const double rows : {3.0, 0.0, 1.0}) dw.insert(dw.end(), kOut * kIn, kept + rows / 2);
        return dw;
    };
    const auto sums = [&](double kept) {
        Numbers dbias;
        for (const double rows : {3.0, 0.0, 1.0}) dbias.insert(dbias.end(), kOut, kept + rows / 2);
        return dbias;
    };
    for (const bool first : {true, false}) {
        const double kept = first ? 0.0 : 7.0;
        Held<float> dw({kExperts, kOut, kIn}, 7.0);
        call(GroupedGradWeight{.accumulation = Accumulation::add_after_first},
             {x.view(), dy.view(), counts.view()}, {dw.view()}, {.first_micro_step = first});
        check_close(dw.numbers(), product(kept));
        Held<float> dbias({kExperts, kOut}, 7.0);
        call(GroupedGradWeight{.bias = true, .accumulation = Accumulation::add_after_first},
             {x.view(), dy.view(), counts.view()}, {dbias.view()}, {.first_micro_step = first});
        check_close(dbias.numbers(), sums(kept));
    }
}

TEST_CASE("AnExpertSumsTheGradientsOfEveryRanksRows") {
    Held<float> x({4, kIn}, 1.0);
    Held<float> dy({4, kOut}, Numbers{1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8});
    Held<std::int32_t> counts({4}, Numbers{1, 1, 1, 0});
    Held<float> dw({2, kOut, kIn}, 7.0);
    call(GroupedGradWeight{}, {x.view(), dy.view(), counts.view()}, {dw.view()});
    Numbers expected(2 * kOut * kIn, 10.0);
    std::fill_n(expected.begin(), kOut * kIn, 5.0);
    check_close(dw.numbers(), expected);
}

}  // namespace headroom::test
