#include <algorithm>
#include <cstdint>
#include <vector>

#include "planner/base/error.h"
#include "tests/kernels/told.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

std::vector<OpCase> cases() {
    return {
        {Embedding{}, {ids({9}, 5), parameter({5, 7})}},
        {Embedding{.scale = 3.5}, {ids({1}, 4), parameter({4, 3})}},
        // Ids of 7 in a shard of 4 rows.
        {Embedding{.scale = 0.5}, {ids({8}, 7), parameter({4, 3})}},
        {AddEmbedding{}, {real({6, 5}), ids({6}, 3), parameter({3, 5})}},
        {AddEmbedding{}, {block({4, 3}, 5), ids({4}, 5), parameter({2, 3})}},
    };
}

const Numbers kIds{2, 0, 2, 9, 2, -1, 4, 0};

/// dtable of kIds by its definition: 5 rows of `c` columns.
Numbers by_definition(const Numbers& dy, std::size_t c, double scale, const Numbers& before) {
    Numbers sum = before;
    for (std::size_t n = 0; n < kIds.size(); ++n) {
        if (kIds[n] < 0 || kIds[n] >= 5) continue;
        for (std::size_t j = 0; j < c; ++j) {
            sum[static_cast<std::size_t>(kIds[n]) * c + j] += scale * dy[n * c + j];
        }
    }
    return sum;
}

void check_close(const Numbers& found, const Numbers& expected, double tolerance) {
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        INFO(i);
        REQUIRE(found[i] == Approx(expected[i]).margin(tolerance).epsilon(tolerance));
    }
}

}  // namespace

TEST_CASE("EmbeddingGradientsAgreeWithFiniteDifferences") {
    for (const auto& c : cases()) check_gradient(c);
}

TEST_CASE("EmbeddingsAgreeAcrossDtypes") {
    for (const auto& c : cases()) check_dtypes(c);
}

TEST_CASE("EmbeddingsDoNoMatrixWork") {
    for (const auto& c : cases()) check_work(c);
}

TEST_CASE("EmbeddingTakesTheRowOfEachId") {
    Held<std::int32_t> tokens({4}, Numbers{2, 0, 3, -1});
    Held<float> table({3, 2}, Numbers{1, 2, 3, 4, 5, 6});
    Held<float> x({4, 2}, 9.0, 1);
    tell(Embedding{.scale = 2.0}, {tokens.view(), table.view()}, {x.view()});
    CHECK(x.numbers() == Numbers{10, 12, 2, 4, 0, 0, 0, 0});
    Held<BFloat16> positions({3, 2}, Numbers{1, 2, 3, 4, 5, 6});
    tell(AddEmbedding{}, {x.view(), tokens.view(), positions.view()}, {x.view()});
    CHECK(x.numbers() == Numbers{15, 18, 3, 6, 0, 0, 0, 0});
}

TEST_CASE("EmbeddingGradSumsTheTokensOfAnId") {
    constexpr std::size_t c = 300;  // more than one block of columns
    const auto dy = normal_numbers(8 * c, 1);
    Held<std::int32_t> tokens({8}, kIds);
    Held<double> dy_held({8, c}, dy, 5);
    struct Row {
        Accumulation accumulation;
        bool first;
        bool adds;
    };
    for (const auto& [accumulation, first, adds] :
         {Row{Accumulation::overwrite, false, false}, Row{Accumulation::add, true, true},
          Row{Accumulation::add_after_first, true, false},
          Row{Accumulation::add_after_first, false, true}}) {
        Held<double> table({5, c}, 7.0);
        tell(EmbeddingGrad{.scale = 1.5, .accumulation = accumulation},
             {tokens.view(), dy_held.view()}, {table.view()}, {.first_micro_step = first});
        check_close(table.numbers(), by_definition(dy, c, 1.5, Numbers(5 * c, adds ? 7.0 : 0.0)),
                    1e-12);
    }
}

TEST_CASE("EmbeddingGradRoundsASumOnce") {
    // Each addend would be lost beside 256 if sums were kept in bf16.
    Held<std::int32_t> tokens({257}, 0.0);
    Numbers addends(257, 0.5);
    addends[0] = 256.0;
    Held<BFloat16> dy({257, 1}, addends);
    Held<BFloat16> table({1, 1}, 0.0);
    tell(EmbeddingGrad{}, {tokens.view(), dy.view()}, {table.view()});
    CHECK(table.numbers() == Numbers{384.0});
}

TEST_CASE("EmbeddingGradNeedsNoMoreThanRoomForTheTable") {
    Numbers dy;
    for (int i = 0; i < 8 * 3; ++i) dy.push_back(i);
    Held<std::int32_t> tokens({8}, kIds);
    Held<float> dy_held({8, 3}, dy);
    // Sixteen positions: 5 heads of chains and 11 tokens, or 13 tables' rows and 3 tokens at a
    // time.
    for (const std::int64_t rows : {5, 13}) {
        Held<float> table({rows, 3}, 7.0);
        tell(EmbeddingGrad{}, {tokens.view(), dy_held.view()}, {table.view()}, {.workspace = 64});
        Numbers found = table.numbers();
        if (rows == 13) {
            // Id 9 is in this table.
            CHECK(found[9 * 3] == dy[3 * 3]);
            CHECK(found[12 * 3] == 0.0);
        }
        found.resize(5 * 3);
        CHECK(found == by_definition(dy, 3, 1.0, Numbers(5 * 3)));
    }
    Held<float> table({16, 3}, 7.0);
    CHECK_THROWS_AS(
        tell(EmbeddingGrad{}, {tokens.view(), dy_held.view()}, {table.view()}, {.workspace = 64}),
        InternalError);
}

TEST_CASE("EmbeddingGradIsTheSameWithAnyNumberOfThreads") {
    Numbers many;
    for (int i = 0; i < 2000; ++i) many.push_back(i * i % 37);
    Held<std::int32_t> tokens({2000}, many);
    Held<float> dy({2000, 20}, normal_numbers(2000 * 20, 3));
    const auto found = by_threads([&] {
        Held<float> table({40, 20}, 0.0);
        tell(EmbeddingGrad{}, {tokens.view(), dy.view()}, {table.view()});
        return table.numbers();
    });
    CHECK(found[1] == found[0]);
    CHECK(found[2] == found[0]);
}

}  // namespace headroom::test
