#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/device/loss_sum.h"
#include "kernels/device/simt.h"
#include "tests/kernels/call.h"
#include "tests/simt/emulated_table.h"
#include "tests/support/catch.h"
#include "tests/support/matrix_cases.h"
#include "tests/support/same_as_cpu.h"

namespace headroom::test {
namespace {

struct HeadResult {
    std::vector<double> loss{};
    std::vector<double> dx{};
    std::vector<double> dw{};
};

/// Seven tokens of four features, 264 words; every row of x and W stands apart from the next.
HeadResult run_head(const HeadLoss& op, const KernelTable& table, bool first_micro_step) {
    Held<float> x({7, 4}, normal_numbers(28, 1), 3);
    Held<float> weight({264, 4}, normal_numbers(264 * 4, 2), 4);
    Held<std::int32_t> wanted({7}, std::vector<double>{0, 263, -1, 3, 3, 200, 7});
    Held<float> loss({7}, 99.0);
    Held<float> dx({7, 4}, 99.0, 1);
    Held<float> logits({std::min<std::int64_t>(op.chunk, 7), 264}, 99.0);
    Held<float> dw({264, 4}, 0.5);
    const std::vector<TensorView> in{x.view(), weight.view(), wanted.view()};
    const std::vector<TensorView> out{loss.view(), dx.view(), logits.view(), dw.view()};
    StepScalars scalars = kQuarter;
    std::vector<std::byte> workspace(1 << 16);
    Launch launch{.in = in,
                  .out = out,
                  .scalars = &scalars,
                  .results = &scalars,
                  .first_micro_step = first_micro_step};
    launch.workspace.shape = {static_cast<std::int64_t>(workspace.size())};
    launch.workspace.dtype = DType::u8;
    launch.workspace.data = workspace.data();
    table[op].run(op, launch);
    return {loss.numbers(), dx.numbers(), dw.numbers()};
}

}  // namespace

TEST_CASE("EmulatedLossesAgreeWithTheCpu") {
    for (const auto& c : loss_cases()) check_same_as_cpu(c, emulated_matrix_table());
    for (const auto& c : distillation_cases()) check_same_as_cpu(c, emulated_matrix_table());
}

TEST_CASE("EmulatedLossesOfMaskedLogitsAgreeWithTheCpu") {
    constexpr double kNone = -INFINITY;
    const OpInput logits{.shape = {2, 8},
                         .fill = Fill::values,
                         .values = {kNone, 1.0, kNone, 2.0, kNone, kNone, kNone, 0.5,  //
                                    3e4, -3e4, 3e4, kNone, 0.0, 0.0, 0.0, 0.0}};
    // f16 holds no 3e4 that differs from its neighbours by less than 16, so its gap is exact.
    check_same_as_cpu({.op = CrossEntropy{}, .inputs = {logits, targets({3, 2})}},
                      emulated_matrix_table());
}

TEST_CASE("EmulatedHeadWritesTheWeightGradientOfTheCpu") {
    for (const std::int64_t chunk : {3, 100}) {
        for (const auto accumulation :
             {Accumulation::overwrite, Accumulation::add, Accumulation::add_after_first}) {
            for (const bool first : {true, false}) {
                const HeadLoss op{
                    .chunk = chunk, .weight_gradient = true, .accumulation = accumulation};
                const HeadResult expected = run_head(op, cpu_table(), first);
                const HeadResult found = run_head(op, emulated_matrix_table(), first);
                INFO(chunk << " tokens a chunk, first micro-step " << first);
                CHECK(relative_difference(found.loss, expected.loss) < 1e-6);
                CHECK(relative_difference(found.dx, expected.dx) < 1e-6);
                CHECK(relative_difference(found.dw, expected.dw) < 1e-6);
            }
        }
    }
}

TEST_CASE("EmulatedLossesAreTheSameInEveryOrderOfThreads") {
    const HeadLoss op{.chunk = 3, .softcap = 4.0, .weight_gradient = true};
    const HeadResult forward = run_head(op, emulated_matrix_table(), true);
    const simt::ScopedOrder reverse(simt::Order::reverse);
    const HeadResult backward = run_head(op, emulated_matrix_table(), true);
    CHECK(forward.loss == backward.loss);
    CHECK(forward.dx == backward.dx);
    CHECK(forward.dw == backward.dw);
}

TEST_CASE("EmulatedLossSumAddsEveryToken") {
    for (const std::int64_t tokens : {1, 31, 512, 1999}) {
        std::vector<float> loss;
        double expected = 2.5;
        for (std::int64_t i = 0; i < tokens; ++i) {
            loss.push_back(static_cast<float>(i % 7) * 0.125F);
            expected += static_cast<double>(loss.back());
        }
        TensorView view;
        view.shape = {tokens};
        view.dtype = DType::f32;
        view.data = reinterpret_cast<std::byte*>(loss.data());
        view.stride = tokens;
        StepScalars scalars{.loss_sum = 2.5};
        add_loss_cuda(view, &scalars, nullptr);
        CHECK(scalars.loss_sum == expected);
    }
}

}  // namespace headroom::test
