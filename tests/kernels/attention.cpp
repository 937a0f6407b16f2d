#include <omp.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/attention_mask.h"
#include "tests/kernels/attention_reference.h"
#include "tests/kernels/call.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

/// An attention and the sizes that its operands add.
struct Sample {
    AttentionShape shape{};
    std::int64_t heads = 1;
    std::int64_t kv_heads = 1;
    std::int64_t queries = 1;
    std::int64_t keys = 1;
    std::int64_t buckets = 0;
    bool sinks = false;
    std::int64_t gap = 0;  ///< columns between the rows of q, k and v
};

/// Every mask and every bias; `tokens` queries, or about as many.
std::vector<Sample> samples(std::int64_t tokens) {
    const AttentionShape causal{.batch = 2, .head_dim = 4, .value_dim = 3};
    AttentionShape window = causal;
    window.window = (tokens + 1) / 2;
    AttentionShape cap = causal;
    cap.softcap = 2.0;
    AttentionShape alibi = causal;
    alibi.alibi = true;
    AttentionShape both{.batch = 1, .head_dim = 3, .value_dim = 5, .causal = false, .scale = 1.0};
    AttentionShape both_window = both;
    both_window.window = (tokens + 2) / 3;
    return {
        {causal, 4, 2, tokens, tokens},      {causal, 2, 2, tokens, tokens, 0, true, 7},
        {causal, 2, 1, tokens, tokens, 8},   {causal, 2, 1, tokens / 2 * 2, 2 * tokens},
        {window, 2, 1, tokens, tokens},      {cap, 2, 1, tokens, tokens, 4, false, 1},
        {alibi, 4, 4, tokens, tokens},       {both, 3, 3, tokens, tokens},
        {both, 2, 1, tokens, tokens + 3},    {both, 2, 2, tokens, tokens, 8},
        {both_window, 1, 1, tokens, tokens},
    };
}

OpCase case_of(const Sample& s) {
    const std::int64_t kv = s.shape.batch * s.keys;
    const auto input = [&](Shape shape) {
        return s.gap == 0 ? real(shape) : block(shape, shape.back() + s.gap);
    };
    OpCase c{.op = Attention{.shape = s.shape, .relative_bias = s.buckets > 0, .sinks = s.sinks},
             .inputs = {input({s.shape.batch * s.queries, s.heads * s.shape.head_dim}),
                        input({kv, s.kv_heads * s.shape.head_dim}),
                        input({kv, s.kv_heads * s.shape.value_dim})},
             .differentiated = {0}};
    if (s.buckets > 0) c.inputs.push_back(parameter({s.buckets, s.heads}));
    if (s.sinks) c.inputs.push_back(parameter({s.heads}));
    return c;
}

void check_close(const Numbers& found, const Numbers& expected) {
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        INFO(i);
        REQUIRE(found[i] == Approx(expected[i]).margin(1e-10));
    }
}

/// Pairs of one head that the mask keeps, counted one by one.
std::int64_t pairs_of(const Sample& s) {
    const AttentionReference reference{.shape = s.shape, .queries = s.queries, .keys = s.keys};
    std::int64_t pairs = 0;
    for (std::int64_t i = 0; i < s.queries; ++i) {
        for (std::int64_t j = 0; j < s.keys; ++j) {
            pairs += reference.attends(reference.position(i), j) ? 1 : 0;
        }
    }
    return pairs * s.shape.batch * s.heads;
}

}  // namespace

TEST_CASE("AttentionHasTheFormulasValues") {
    const std::int64_t tokens = GENERATE(1, 6, 70);
    for (const auto& s : samples(tokens)) {
        if (s.queries == 0) continue;
        OpCase c = case_of(s);
        AttentionReference reference{s.shape, s.heads, s.kv_heads, s.queries, s.keys};
        for (std::size_t i = 0; i < c.inputs.size(); ++i) {
            c.inputs[i].fill = Fill::values;
            c.inputs[i].values = normal_numbers(numel(c.inputs[i].shape), static_cast<unsigned>(i));
        }
        if (s.buckets > 0) reference.bias = c.inputs[3].values;
        if (s.sinks) reference.sinks = c.inputs.back().values;
        const auto expected =
            reference.attend(c.inputs[0].values, c.inputs[1].values, c.inputs[2].values);
        const auto found = run(c, DType::f64);
        check_close(found.outputs[0], expected.out);
        check_close(found.outputs[1], expected.lse);
    }
}

TEST_CASE("AttentionGradientAgreesWithFiniteDifferences") {
    // The others' backward passes are compared with the eager ones below.
    const AttentionShape causal{.batch = 2, .head_dim = 3, .value_dim = 2, .softcap = 1.5};
    const AttentionShape window{
        .batch = 1, .head_dim = 2, .value_dim = 2, .causal = false, .window = 2};
    const AttentionShape part{.batch = 1, .head_dim = 2, .value_dim = 3, .alibi = true};
    for (const Sample& s : {Sample{causal, 2, 1, 3, 3, 4, true}, Sample{window, 1, 1, 4, 4},
                            Sample{part, 2, 2, 2, 4, 0, false, 3}}) {
        check_gradient(case_of(s));
    }
}

TEST_CASE("AttentionKeepsTheAccuracyOfItsDtype") {
    for (const auto& s : samples(5)) check_dtypes(case_of(s));
}

TEST_CASE("AttentionCountsThePairsThatItsMaskKeeps") {
    for (const auto& s : samples(GENERATE(4, 67))) {
        const auto result = run(case_of(s), DType::f32);
        const std::int64_t width = 5 * s.shape.head_dim - s.shape.head_dim + 3 * s.shape.value_dim;
        CHECK(result.counted.matrix == 2 * pairs_of(s) * width);
    }
}

TEST_CASE("AttentionDoesTheWorkThatItDeclares") {
    for (const auto& s : samples(6)) check_work(case_of(s));
}

TEST_CASE("ComputedPairsAreThoseThatTheMaskKeeps") {
    constexpr std::int64_t kKeys = 12;
    for (const bool causal : {true, false}) {
        for (const std::int64_t window : {0, 1, 5, 11, 12, 20}) {
            for (std::int64_t queries = 1; queries <= kKeys; ++queries) {
                const AttentionShape shape{.causal = causal, .window = window};
                std::int64_t pairs = 0;
                for (std::int64_t i = 0; i < queries; ++i) {
                    const auto position = query_position(shape, queries, kKeys, i);
                    pairs += seen_keys(shape, position, kKeys).count();
                }
                INFO("causal " << causal << " window " << window << " queries " << queries);
                CHECK(computed_pairs(shape, queries, kKeys) == static_cast<double>(pairs));
            }
        }
    }
}

TEST_CASE("FusedAndEagerAttentionHaveTheSameGradients") {
    // Several tiles of queries and keys, the last ones partly filled.
    for (const auto& s : samples(70)) {
        const std::int64_t queries = s.shape.batch * s.queries;
        const std::int64_t keys = s.shape.batch * s.keys;
        const std::int64_t q_width = s.heads * s.shape.head_dim;
        const std::int64_t k_width = s.kv_heads * s.shape.head_dim;
        const std::int64_t v_width = s.kv_heads * s.shape.value_dim;
        const std::int64_t out_width = s.heads * s.shape.value_dim;
        const Shape square{s.shape.batch, s.heads, s.queries, s.keys};
        const CallSettings settings{.workspace = 1 << 21};
        Held<double> q({queries, q_width}, normal_numbers(queries * q_width, 1));
        Held<double> k({keys, k_width}, normal_numbers(keys * k_width, 2));
        Held<double> v({keys, v_width}, normal_numbers(keys * v_width, 3));
        Held<double> dout({queries, out_width}, normal_numbers(queries * out_width, 4));
        Held<double> bias({std::max<std::int64_t>(s.buckets, 1), s.heads},
                          normal_numbers(std::max<std::int64_t>(s.buckets, 1) * s.heads, 5));
        Held<double> sinks({s.heads}, normal_numbers(s.heads, 6));
        std::vector<TensorView> extra;
        if (s.buckets > 0) extra.push_back(bias.view());
        if (s.sinks) extra.push_back(sinks.view());
        const auto with = [](std::vector<TensorView> list, const std::vector<TensorView>& more) {
            list.insert(list.end(), more.begin(), more.end());
            return list;
        };

        Held<double> out({queries, out_width}, 0.0);
        Held<double> lse({queries, s.heads}, 0.0);
        Held<double> dq({queries, q_width}, 0.0);
        Held<double> dk({keys, k_width}, 0.0);
        Held<double> dv({keys, v_width}, 0.0);
        Held<double> delta({queries, s.heads}, 0.0);
        Held<double> sums({queries, q_width}, 1e9);
        Held<double> dbias({std::max<std::int64_t>(s.buckets, 1), s.heads}, 0.0);
        Held<double> dsinks({s.heads}, 0.0);
        std::vector<TensorView> given;
        if (s.buckets > 0) given.push_back(dbias.view());
        if (s.sinks) given.push_back(dsinks.view());
        call(Attention{s.shape, s.buckets > 0, s.sinks},
             with({q.view(), k.view(), v.view()}, extra), {out.view(), lse.view()}, settings);
        call(AttentionGrad{s.shape, s.buckets > 0, s.sinks},
             with({q.view(), k.view(), v.view(), out.view(), lse.view(), dout.view()}, extra),
             with({dq.view(), dk.view(), dv.view(), delta.view(), sums.view()}, given), settings);

        Held<double> p(square, 0.0);
        Held<double> dp(square, 0.0);
        Held<double> eager_out({queries, out_width}, 0.0);
        Held<double> eager_dq({queries, q_width}, 0.0);
        Held<double> eager_dk({keys, k_width}, 0.0);
        Held<double> eager_dv({keys, v_width}, 0.0);
        Held<double> eager_dbias({std::max<std::int64_t>(s.buckets, 1), s.heads}, 0.0);
        Held<double> eager_dsinks({s.heads}, 0.0);
        std::vector<TensorView> scored{q.view(), k.view()};
        std::vector<TensorView> scored_back{q.view(), k.view(), dp.view()};
        std::vector<TensorView> scored_out{eager_dq.view(), eager_dk.view()};
        if (s.buckets > 0) {
            scored.push_back(bias.view());
            scored_back.push_back(bias.view());
            scored_out.push_back(eager_dbias.view());
        }
        std::vector<TensorView> softened{p.view()};
        std::vector<TensorView> softened_back{p.view(), dp.view()};
        std::vector<TensorView> softened_out{dp.view()};
        if (s.sinks) {
            softened.push_back(sinks.view());
            softened_back.push_back(sinks.view());
            softened_out.push_back(eager_dsinks.view());
        }
        call(Scores{s.shape}, scored, {p.view()}, settings);
        call(Softmax{}, softened, {p.view()}, settings);
        call(Context{s.shape}, {p.view(), v.view()}, {eager_out.view()}, settings);
        call(ContextGrad{s.shape}, {p.view(), v.view(), dout.view()}, {dp.view(), eager_dv.view()},
             settings);
        call(SoftmaxGrad{}, softened_back, softened_out, settings);
        call(ScoresGrad{s.shape}, scored_back, scored_out, settings);

        check_close(out.numbers(), eager_out.numbers());
        check_close(dq.numbers(), eager_dq.numbers());
        check_close(dk.numbers(), eager_dk.numbers());
        check_close(dv.numbers(), eager_dv.numbers());
        check_close(dbias.numbers(), eager_dbias.numbers());
        check_close(dsinks.numbers(), eager_dsinks.numbers());
    }
}

TEST_CASE("AttentionGradAddsToWhatItIsToldTo") {
    const AttentionShape shape{.batch = 2, .head_dim = 2, .value_dim = 2};
    Held<float> q({6, 4}, normal_numbers(24, 1));
    Held<float> k({6, 2}, normal_numbers(12, 2));
    Held<float> v({6, 2}, normal_numbers(12, 3));
    Held<float> dout({6, 4}, normal_numbers(24, 4));
    Held<float> bias({4, 2}, 0.1);
    Held<float> sinks({2}, 0.2);
    Held<float> out({6, 4}, 0.0);
    Held<float> lse({6, 2}, 0.0);
    const CallSettings settings{.workspace = 1 << 20};
    call(Attention{shape, true, true}, {q.view(), k.view(), v.view(), bias.view(), sinks.view()},
         {out.view(), lse.view()}, settings);
    const auto gradients = [&](Accumulation mode, bool first) {
        Held<float> dq({6, 4}, 0.0);
        Held<float> dk({6, 2}, 0.0);
        Held<float> dv({6, 2}, 0.0);
        Held<float> delta({6, 2}, 0.0);
        Held<float> sums({6, 4}, 0.0);
        Held<float> dbias({4, 2}, 5.0);
        Held<float> dsinks({2}, 7.0);
        CallSettings told = settings;
        told.first_micro_step = first;
        call(AttentionGrad{shape, true, true, mode},
             {q.view(), k.view(), v.view(), out.view(), lse.view(), dout.view(), bias.view(),
              sinks.view()},
             {dq.view(), dk.view(), dv.view(), delta.view(), sums.view(), dbias.view(),
              dsinks.view()},
             told);
        Numbers all = dbias.numbers();
        for (const double value : dsinks.numbers()) all.push_back(value - 2.0);
        return all;
    };
    const Numbers alone = gradients(Accumulation::overwrite, true);
    CHECK(gradients(Accumulation::add_after_first, true) == alone);
    for (const auto& sum :
         {gradients(Accumulation::add, true), gradients(Accumulation::add_after_first, false)}) {
        for (std::size_t i = 0; i < alone.size(); ++i) {
            const double old = i < 8 ? 5.0 : 7.0;
            CHECK(sum[i] == Approx(alone[i] + old).epsilon(1e-5));
        }
    }
}

TEST_CASE("AttentionHasTheSameBitsOnAnyNumberOfThreads") {
    const Sample s{.shape = {.batch = 2, .head_dim = 4, .value_dim = 4},
                   .heads = 4,
                   .kv_heads = 2,
                   .queries = 150,
                   .keys = 150,
                   .buckets = 8};
    const auto results = [&](int threads) {
        const int before = omp_get_max_threads();
        omp_set_num_threads(threads);
        const auto result = run(case_of(s), DType::f32);
        omp_set_num_threads(before);
        return std::pair(result.outputs, result.gradients);
    };
    const auto one = results(1);
    CHECK(results(2) == one);
    CHECK(results(5) == one);
}

TEST_CASE("AttentionOfLargeScoresIsFinite") {
    const AttentionShape shape{.batch = 1, .head_dim = 1, .value_dim = 1, .scale = 1.0};
    Held<float> q({3, 1}, 1e4);
    Held<float> k({3, 1}, Numbers{1e4, -1e4, 1e4});
    Held<float> v({3, 1}, Numbers{1.0, 2.0, 3.0});
    Held<float> out({3, 1}, 0.0);
    Held<float> lse({3, 1}, 0.0);
    call(Attention{.shape = shape}, {q.view(), k.view(), v.view()}, {out.view(), lse.view()},
         {.workspace = 1 << 18});
    CHECK(out.numbers() == Numbers{1.0, 1.0, 2.0});
    CHECK(lse.numbers()[0] == 1e8);
}

TEST_CASE("QueriesAndKeysAgreeOnWhatTheMaskKeeps") {
    for (const bool causal : {true, false}) {
        for (const std::int64_t window : {0, 1, 3, 20}) {
            const AttentionShape shape{.causal = causal, .window = window};
            for (std::int64_t first = 0; first < 9; ++first) {
                for (std::int64_t key = 0; key < 12; ++key) {
                    const IndexRange seeing = seeing_queries(shape, key, first, 4);
                    for (std::int64_t i = 0; i < 4; ++i) {
                        const IndexRange seen = seen_keys(shape, first + i, 12);
                        const bool by_query = seen.begin <= key && key < seen.end;
                        const bool by_key = seeing.begin <= i && i < seeing.end;
                        REQUIRE(by_query == by_key);
                    }
                }
            }
        }
    }
}

TEST_CASE("EveryContextRanksQueriesHaveTheirPosition") {
    const AttentionShape causal{};
    std::vector<std::int64_t> positions;
    for (std::int64_t i = 0; i < 6; ++i) positions.push_back(query_position(causal, 6, 24, i));
    CHECK(positions == std::vector<std::int64_t>{0, 1, 2, 21, 22, 23});
    const AttentionShape whole{.causal = false};
    CHECK(query_position(whole, 6, 24, 5) == 5);
    CHECK(query_position(causal, 6, 6, 5) == 5);
}

TEST_CASE("AlibiSlopesArePressEtAls") {
    for (std::int64_t h = 0; h < 8; ++h) {
        CHECK(alibi_slope(h, 8) == Approx(std::pow(0.5, static_cast<double>(h + 1))));
    }
    for (std::int64_t h = 0; h < 8; ++h) CHECK(alibi_slope(h, 12) == alibi_slope(h, 8));
    for (std::int64_t h = 8; h < 12; ++h) {
        CHECK(alibi_slope(h, 12) == Approx(std::pow(0.5, 0.5 + static_cast<double>(h - 8))));
    }
}

TEST_CASE("RelativeBucketsAreT5s") {
    struct Row {
        bool causal;
        std::int64_t offset;
        std::int64_t bucket;
    };
    for (const auto& row :
         {Row{false, 0, 0}, Row{false, -1, 1}, Row{false, 1, 17}, Row{false, -7, 7},
          Row{false, -8, 8}, Row{false, -16, 10}, Row{false, 16, 26}, Row{false, -64, 14},
          Row{false, -127, 15}, Row{false, -5000, 15}, Row{false, 5000, 31}, Row{true, 3, 0},
          Row{true, 0, 0}, Row{true, -15, 15}, Row{true, -16, 16}, Row{true, -32, 21},
          Row{true, -128, 31}, Row{true, -5000, 31}}) {
        INFO(row.causal << " " << row.offset);
        CHECK(relative_bucket({.causal = row.causal}, 32, row.offset) == row.bucket);
    }
}

}  // namespace headroom::test
