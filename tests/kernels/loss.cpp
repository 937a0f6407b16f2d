#include <cmath>
#include <cstdint>
#include <vector>

#include "planner/base/error.h"
#include "tests/kernels/call.h"
#include "tests/support/catch.h"
#include "tests/support/matrix_cases.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

double shaped(double z, double scale, double cap) {
    return cap > 0.0 ? cap * std::tanh(scale * z / cap) : scale * z;
}

/// Losses by their definition.
Numbers losses(const Numbers& logits, const Numbers& targets, double scale = 1.0,
               double cap = 0.0) {
    const std::size_t columns = logits.size() / targets.size();
    Numbers out;
    for (std::size_t r = 0; r < targets.size(); ++r) {
        double sum = 0.0;
        for (std::size_t c = 0; c < columns; ++c) {
            sum += std::exp(shaped(logits[r * columns + c], scale, cap));
        }
        const auto target = static_cast<std::size_t>(targets[r]);
        out.push_back(targets[r] < 0.0
                          ? 0.0
                          : std::log(sum) - shaped(logits[r * columns + target], scale, cap));
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

std::vector<OpCase> cross_entropy_cases() {
    const StepScalars half{.gradient_scale = 0.5F};
    return {
        {.op = CrossEntropy{}, .inputs = {real({4, 9}), targets({0, 8, 3, -1})}},
        {.op = CrossEntropy{.scale = 0.5, .softcap = 2.0},
         .inputs = {real({3, 7}), targets({6, -100, 2})},
         .scalars = half},
        {.op = CrossEntropy{.in_place = false, .scale = 1.5},
         .inputs = {block({1, 5}, 8), targets({4})},
         .scalars = half},
    };
}

std::vector<OpCase> head_cases() {
    const StepScalars half{.gradient_scale = 0.5F};
    const OpInput some = targets({0, 8, -1, 3, 3, 10, 7});
    return {
        {.op = HeadLoss{.chunk = 3}, .inputs = {real({7, 5}), parameter({11, 5}), some}},
        {.op = HeadLoss{.chunk = 100, .scale = 0.5, .softcap = 2.0},
         .inputs = {block({7, 5}, 6), parameter({11, 5}), some},
         .scalars = half},
        {.op = HeadLoss{.chunk = 2}, .inputs = {real({7, 4}), frozen({11, 4}), some}},
    };
}

}  // namespace

TEST_CASE("CrossEntropyIsTheLogOfTheSumLessTheTargetsLogit") {
    // Rows that rise, fall and wander, over several blocks of columns.
    const std::int64_t columns = GENERATE(1, 3, 1301);
    const double cap = GENERATE(0.0, 2.5);
    Numbers logits = normal_numbers(4 * columns, 1);
    for (std::int64_t c = 0; c < columns; ++c) {
        logits[static_cast<std::size_t>(c)] += 0.01 * static_cast<double>(c);
        logits[static_cast<std::size_t>(columns + c)] -= 0.01 * static_cast<double>(c);
    }
    const Numbers wanted{0, static_cast<double>(columns - 1), -1, static_cast<double>(columns / 2)};
    Held<double> z({4, columns}, logits, 2);
    Held<std::int32_t> held({4}, wanted);
    Held<double> loss({4}, 99.0);
    Held<double> lse({4}, 99.0);
    call(CrossEntropy{.scale = 0.75, .softcap = cap}, {z.view(), held.view()},
         {loss.view(), lse.view()});
    check_close(loss.numbers(), losses(logits, wanted, 0.75, cap), 1e-12);
    Numbers sums = lse.numbers();
    for (std::size_t r : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
        const auto at = r * static_cast<std::size_t>(columns) + static_cast<std::size_t>(wanted[r]);
        sums[r] -= shaped(logits[at], 0.75, cap);
    }
    sums[2] = 0.0;
    check_close(loss.numbers(), sums, 1e-12);
}

TEST_CASE("LossGradientsAgreeWithFiniteDifferences") {
    for (const auto& c : cross_entropy_cases()) check_gradient(c);
    for (const auto& c : head_cases()) check_gradient(c);
    for (const auto& c : distillation_cases()) check_gradient(c);
}

TEST_CASE("LossesAgreeAcrossDtypes") {
    for (const auto& c : cross_entropy_cases()) check_dtypes(c);
    for (const auto& c : head_cases()) check_dtypes(c);
    for (const auto& c : distillation_cases()) check_dtypes(c);
}

TEST_CASE("LossesCountTheWorkTheyDeclare") {
    for (const auto& c : cross_entropy_cases()) check_work(c);
    for (const auto& c : head_cases()) check_work(c);
    for (const auto& c : distillation_cases()) check_work(c);
}

TEST_CASE("HugeLogitsDoNotOverflow") {
    Held<float> z({3, 3}, Numbers{1e30, -1e30, 0, 5e4, 5e4, -5e4, -300, -300, -300});
    Held<std::int32_t> wanted({3}, Numbers{0, 1, 2});
    Held<float> loss({3}, 99.0);
    Held<float> lse({3}, 99.0);
    call(CrossEntropy{}, {z.view(), wanted.view()}, {loss.view(), lse.view()});
    CHECK(loss.numbers()[0] == 0.0);
    check_close(loss.numbers(), {0.0, std::log(2.0), std::log(3.0)}, 1e-6);
    call(CrossEntropyGrad{}, {z.view(), wanted.view(), lse.view()}, {z.view()});
    check_close(z.numbers(), {0, 0, 0, 0.5, -0.5, 0, 1 / 3.0, 1 / 3.0, -2 / 3.0}, 1e-3);
}

TEST_CASE("MaskedColumnsTakeNoPart") {
    const double none = -INFINITY;
    Numbers logits(1200, none);
    logits[700] = 1.0;
    logits[1100] = 2.0;
    Held<float> z({1, 1200}, logits);
    Held<std::int32_t> wanted({1}, 700.0);
    Held<float> loss({1}, 99.0);
    Held<float> lse({1}, 99.0);
    call(CrossEntropy{}, {z.view(), wanted.view()}, {loss.view(), lse.view()});
    check_close(loss.numbers(), {std::log1p(std::exp(1.0))}, 1e-6);
    call(CrossEntropyGrad{}, {z.view(), wanted.view(), lse.view()}, {z.view()});
    CHECK(z.numbers()[0] == 0.0);
    CHECK(z.numbers()[1100] == Approx(1.0 / (1.0 + std::exp(-1.0))));
}

TEST_CASE("IgnoredTokensHaveNeitherLossNorGradient") {
    Held<float> z({2, 3}, Numbers{1, 2, 3, 4, 5, 6});
    Held<std::int32_t> wanted({2}, Numbers{-1, -100});
    Held<float> loss({2}, 99.0);
    Held<float> lse({2}, 99.0);
    call(CrossEntropy{}, {z.view(), wanted.view()}, {loss.view(), lse.view()});
    CHECK(loss.numbers() == Numbers{0, 0});
    call(CrossEntropyGrad{}, {z.view(), wanted.view(), lse.view()}, {z.view()});
    CHECK(z.numbers() == Numbers(6, 0.0));
}

TEST_CASE("ATargetOfAnotherShardAddsNothingHere") {
    Held<double> z({1, 2}, Numbers{0, 0});
    Held<std::int32_t> wanted({1}, 5.0);
    Held<double> loss({1}, 99.0);
    Held<double> lse({1}, 99.0);
    call(CrossEntropy{.shards = 4}, {z.view(), wanted.view()}, {loss.view(), lse.view()});
    CHECK(loss.numbers()[0] == Approx(std::log(2.0)));
    call(CrossEntropyGrad{}, {z.view(), wanted.view(), lse.view()}, {z.view()});
    check_close(z.numbers(), {0.5, 0.5}, 1e-12);
}

TEST_CASE("HeadLossIsCrossEntropyOfTheHeadsLogits") {
    // Bit for bit: a chunk's logits go through what whole logits go through.
    const auto x = normal_numbers(7 * 6, 1);
    const auto w = normal_numbers(13 * 6, 2);
    const Numbers wanted{0, 12, -1, 3, 4, 5, 6};
    Held<BFloat16> x_held({7, 6}, x, 3);
    Held<BFloat16> w_held({13, 6}, w);
    Held<std::int32_t> targets({7}, wanted);
    Held<BFloat16> logits({7, 13}, 0.0);
    Held<float> loss({7}, 99.0);
    Held<float> lse({7}, 99.0);
    Held<BFloat16> dx({7, 6}, 99.0);
    const CallSettings settings{.gradient_scale = 0.25F};
    const CrossEntropyGrad grad{.scale = 0.5, .softcap = 3.0};
    call(Linear{}, {x_held.view(), w_held.view()}, {logits.view()});
    call(CrossEntropy{.scale = 0.5, .softcap = 3.0}, {logits.view(), targets.view()},
         {loss.view(), lse.view()});
    call(grad, {logits.view(), targets.view(), lse.view()}, {logits.view()}, settings);
    call(LinearGradInput{}, {logits.view(), w_held.view()}, {dx.view()});
    for (const std::int64_t chunk : {std::int64_t{2}, std::int64_t{7}, std::int64_t{50}}) {
        const HeadLoss head{.chunk = chunk, .scale = 0.5, .softcap = 3.0};
        Held<float> head_loss({7}, 99.0);
        Held<BFloat16> head_dx({7, 6}, 99.0, 1);
        Held<BFloat16> space({std::min<std::int64_t>(chunk, 7), 13}, 99.0);
        call(head, {x_held.view(), w_held.view(), targets.view()},
             {head_loss.view(), head_dx.view(), space.view()}, settings);
        CHECK(head_loss.numbers() == loss.numbers());
        CHECK(head_dx.numbers() == dx.numbers());
    }
}

TEST_CASE("ADistilledLossIsCrossEntropyAndTheDivergenceFromTheTeacher") {
    // By definition, in f64 and without any trick.
    const std::int64_t words = 1301;
    const auto x = normal_numbers(4 * 3, 1);
    const auto w = normal_numbers(words * 3, 2);
    const auto teacher_x = normal_numbers(4 * 5, 3);
    const auto teacher_w = normal_numbers(words * 5, 4);
    const Numbers wanted{7, 1300, -1, 0};
    const Distillation distill{
        .on = true, .temperature = 2.5, .weight = 0.3, .scale = 1.25, .softcap = 4.0};
    const auto logits = [&](const Numbers& rows, const Numbers& table, std::size_t width,
                            std::size_t token, double scale, double cap) {
        Numbers out;
        for (std::size_t v = 0; v < static_cast<std::size_t>(words); ++v) {
            double sum = 0.0;
            for (std::size_t k = 0; k < width; ++k) {
                sum += rows[token * width + k] * table[v * width + k];
            }
            out.push_back(shaped(sum, scale, cap));
        }
        return out;
    };
    const auto log_softmax = [](Numbers z, double temperature) {
        double sum = 0.0;
        for (auto& each : z) sum += std::exp(each /= temperature);
        for (auto& each : z) each -= std::log(sum);
        return z;
    };
    Numbers expected;
    for (std::size_t token = 0; token < 4; ++token) {
        const auto z = logits(x, w, 3, token, 0.5, 0.0);
        const auto u = logits(teacher_x, teacher_w, 5, token, 1.25, 4.0);
        const auto q = log_softmax(z, 2.5);
        const auto p = log_softmax(u, 2.5);
        double divergence = 0.0;
        for (std::size_t v = 0; v < p.size(); ++v) divergence += std::exp(p[v]) * (p[v] - q[v]);
        if (wanted[token] < 0.0) {
            expected.push_back(0.0);
            continue;
        }
        const double entropy = -log_softmax(z, 1.0)[static_cast<std::size_t>(wanted[token])];
        expected.push_back(0.7 * entropy + 0.3 * 2.5 * 2.5 * divergence);
    }
    Held<double> loss({4}, 99.0);
    Held<double> chunk({3, words}, 99.0);
    Held<double> taught({3, words}, 99.0);
    Held<double> x_held({4, 3}, x);
    Held<double> w_held({words, 3}, w);
    Held<double> teacher_x_held({4, 5}, teacher_x);
    Held<double> teacher_w_held({words, 5}, teacher_w);
    Held<std::int32_t> targets({4}, wanted);
    call(HeadLoss{.chunk = 3, .scale = 0.5, .input_gradient = false, .teacher = distill},
         {x_held.view(), w_held.view(), targets.view(), teacher_x_held.view(),
          teacher_w_held.view()},
         {loss.view(), chunk.view(), taught.view()});
    check_close(loss.numbers(), expected, 1e-12);
}

TEST_CASE("AStudentThatIsItsTeacherLosesCrossEntropyAlone") {
    const auto x = normal_numbers(7 * 6, 1);
    const auto w = normal_numbers(13 * 6, 2);
    Held<float> x_held({7, 6}, x);
    Held<float> w_held({13, 6}, w);
    Held<std::int32_t> targets({7}, Numbers{0, 12, -1, 3, 4, 5, 6});
    const auto run = [&](const Distillation& teacher) {
        Held<float> loss({7}, 99.0);
        Held<float> dx({7, 6}, 99.0);
        Held<float> chunk({4, 13}, 99.0);
        Held<float> taught({4, 13}, 99.0);
        std::vector<TensorView> in{x_held.view(), w_held.view(), targets.view()};
        std::vector<TensorView> out{loss.view(), dx.view(), chunk.view()};
        if (teacher.on) {
            in.insert(in.end(), {x_held.view(), w_held.view()});
            out.push_back(taught.view());
        }
        call(HeadLoss{.chunk = 4, .teacher = teacher}, in, out);
        auto numbers = loss.numbers();
        for (const double each : dx.numbers()) numbers.push_back(each);
        return numbers;
    };
    Numbers expected = run({});
    for (auto& each : expected) each *= 0.25;
    check_close(run({.on = true, .temperature = 3.0, .weight = 0.75}), expected, 1e-5);
}

TEST_CASE("HeadLossAddsChunksAndThenMicroSteps") {
    const auto x = normal_numbers(5 * 4, 1);
    const auto w = normal_numbers(6 * 4, 2);
    Held<double> x_held({5, 4}, x);
    Held<double> w_held({6, 4}, w);
    Held<std::int32_t> targets({5}, Numbers{0, 1, 2, 3, 4});
    const auto gradient = [&](std::int64_t chunk, Accumulation accumulation, bool first) {
        Held<double> loss({5}, 99.0);
        Held<double> space({chunk, 6}, 99.0);
        Held<double> dw({6, 4}, 7.0);
        call(HeadLoss{.chunk = chunk,
                      .input_gradient = false,
                      .weight_gradient = true,
                      .accumulation = accumulation},
             {x_held.view(), w_held.view(), targets.view()}, {loss.view(), space.view(), dw.view()},
             {.first_micro_step = first});
        return dw.numbers();
    };
    const Numbers whole = gradient(5, Accumulation::overwrite, true);
    Numbers added = whole;
    for (auto& value : added) value += 7.0;
    for (const std::int64_t chunk : {std::int64_t{2}, std::int64_t{5}}) {
        check_close(gradient(chunk, Accumulation::overwrite, false), whole, 1e-12);
        check_close(gradient(chunk, Accumulation::add, true), added, 1e-12);
        check_close(gradient(chunk, Accumulation::add_after_first, true), whole, 1e-12);
        check_close(gradient(chunk, Accumulation::add_after_first, false), added, 1e-12);
    }
}

TEST_CASE("HeadLossWithoutGradientsOnlyMeasures") {
    Held<float> x({3, 2}, 1.0);
    Held<float> w({4, 2}, 1.0);
    Held<std::int32_t> targets({3}, 1.0);
    Held<float> loss({3}, 99.0);
    Held<float> space({2, 4}, 99.0);
    const auto work = call(HeadLoss{.chunk = 2, .input_gradient = false},
                           {x.view(), w.view(), targets.view()}, {loss.view(), space.view()});
    check_close(loss.numbers(), Numbers(3, std::log(4.0)), 1e-6);
    CHECK(work.matrix == 2 * 3 * 4 * 2);
    CHECK_THROWS_AS(call(HeadLoss{.chunk = 2, .input_gradient = false, .weight_gradient = true},
                         {x.view(), w.view(), targets.view()}, {loss.view(), space.view()}),
                    InternalError);
}

}  // namespace headroom::test
