#include <vector>

#include "tests/kernels/told.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

std::vector<OpCase> cases() {
    return {
        {LatentKv{.nope = 3, .v_dim = 2}, {real({5, 4 * 5}), real({5, 2})}},
        {LatentKv{.nope = 1, .v_dim = 4}, {real({1, 5}), real({1, 6})}},
        {LatentKv{.nope = 2, .v_dim = 3}, {block({3, 10}, 13), block({3, 4}, 9)}},
    };
}

}  // namespace

TEST_CASE("LatentKvGradientsAgreeWithFiniteDifferences") {
    for (const auto& c : cases()) check_gradient(c);
}

TEST_CASE("LatentKvAgreesAcrossDtypes") {
    for (const auto& c : cases()) check_dtypes(c);
}

TEST_CASE("LatentKvDoesNoMatrixWork") {
    for (const auto& c : cases()) check_work(c);
}

TEST_CASE("HeadsShareTheTurnedPartOfTheirKeys") {
    // Two heads of nope 2, v 1; rope 1.
    Held<float> kv({2, 6}, Numbers{1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16}, 2);
    Held<float> turned({2, 1}, Numbers{7, 17}, 3);
    Held<float> k({2, 6}, 0.0);
    Held<float> v({2, 2}, 0.0, 1);
    tell(LatentKv{.nope = 2, .v_dim = 1}, {kv.view(), turned.view()}, {k.view(), v.view()});
    CHECK(k.numbers() == Numbers{1, 2, 7, 4, 5, 7, 11, 12, 17, 14, 15, 17});
    CHECK(v.numbers() == Numbers{3, 6, 13, 16});
}

TEST_CASE("TheTurnedPartGetsTheGradientsOfAllHeads") {
    Held<float> dk({1, 6}, Numbers{1, 2, 7, 4, 5, 8}, 1);
    Held<float> dv({1, 2}, Numbers{3, 6});
    Held<float> dkv({1, 6}, 0.0, 4);
    Held<float> dturned({1, 1}, 0.0);
    tell(LatentKvGrad{.nope = 2, .rope = 1, .v_dim = 1}, {dk.view(), dv.view()},
         {dkv.view(), dturned.view()});
    CHECK(dkv.numbers() == Numbers{1, 2, 3, 4, 5, 6});
    CHECK(dturned.numbers() == Numbers{15});
}

}  // namespace headroom::test
