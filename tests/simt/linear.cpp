#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "kernels/device/simt.h"
#include "tests/kernels/call.h"
#include "tests/simt/emulated_table.h"
#include "tests/support/catch.h"
#include "tests/support/matrix_cases.h"
#include "tests/support/same_as_cpu.h"

namespace headroom::test {
namespace {

void check_products(const std::vector<OpCase>& cases) {
    for (const auto& c : cases) check_same_as_cpu(c, emulated_matrix_table());
}

}  // namespace

TEST_CASE("EmulatedLinearsAgreeWithTheCpu") { check_products(linear_cases()); }

TEST_CASE("EmulatedLowRankProductsAgreeWithTheCpu") { check_products(low_rank_cases()); }

TEST_CASE("EmulatedLowRankProductsAreTheSameInEveryOrderOfThreads") {
    for (const auto& c : low_rank_cases()) {
        const OpResult forward = run(c, DType::f16, emulated_matrix_table());
        const simt::ScopedOrder reverse(simt::Order::reverse);
        const OpResult backward = run(c, DType::f16, emulated_matrix_table());
        INFO(name(c.op) << " of " << first_shape(c));
        CHECK(forward.outputs == backward.outputs);
        CHECK(forward.gradients == backward.gradients);
    }
}

TEST_CASE("EmulatedLowRankProductsCountWholeTiles") {
    // Eight rows at a time of strips of 64 columns, sums of 16, 32 or 64 terms.
    const auto padding = [](std::int64_t rows, std::int64_t columns, std::int64_t rank) {
        const OpCase c =
            input_gradient({real({rows, rank}), real({rank, columns}), real({rows, columns})});
        const OpResult found = run(c, DType::bf16, emulated_matrix_table());
        CHECK(found.counted.matrix == 2 * rows * columns * rank);
        return found.counted.padding;
    };
    CHECK(padding(16, 128, 16) == 0);
    CHECK(padding(16, 128, 8) == 2 * 16 * 128 * 8);
    CHECK(padding(13, 136, 24) == 2 * (16 * 192 * 32 - 13 * 136 * 24));
    CHECK(padding(8, 256, 40) == 2 * 8 * 256 * 24);
    CHECK(padding(8, 252, 16) == 0);  // the library's, which pads nothing here
}

TEST_CASE("EmulatedGradientsOfAdaptersAreAddedToWhatStands") {
    // (x, dy) -> dW of f32 out of 16 bits; both shapes of an adapter's matrices, ranks 8 and 32.
    struct Row {
        std::int64_t in;
        std::int64_t out;
        Accumulation accumulation;
    };
    for (const auto& [in, out, accumulation] :
         {Row{136, 8, Accumulation::add}, Row{32, 136, Accumulation::add},
          Row{136, 32, Accumulation::overwrite}}) {
        constexpr std::int64_t kTokens = 700;
        const auto run_on = [&](const KernelTable& table, WorkCounter& work) {
            Held<BFloat16> x({kTokens, in}, normal_numbers(kTokens * in, 1));
            Held<BFloat16> dy({kTokens, out}, normal_numbers(kTokens * out, 2));
            Held<float> dw({out, in}, normal_numbers(in * out, 3));
            Held<float> workspace({1 << 18}, 0.0);
            const std::array inputs{x.view(), dy.view()};
            const std::array outputs{dw.view()};
            const LinearGradWeight op{.scale = 0.75, .accumulation = accumulation};
            table[op].run(
                op, {.in = inputs, .out = outputs, .workspace = workspace.view(), .work = &work});
            return dw.numbers();
        };
        INFO(in << " to " << out);
        WorkCounter expected;
        WorkCounter found;
        const auto numbers = run_on(cpu_table(), expected);
        CHECK(relative_difference(run_on(emulated_matrix_table(), found), numbers) <= 3e-6);
        CHECK(found.matrix == expected.matrix);
        // Tokens 16 at a time, three strips of 64 columns, 16 or 32 ranks.
        const std::int64_t executed = 2 * 704 * 192 * (std::min(in, out) <= 16 ? 16 : 32);
        CHECK(found.matrix + found.padding == executed);
    }
}

TEST_CASE("EmulatedRouterRoundsOnlyTheGradientOfItsLogits") { check_products(router_cases()); }

TEST_CASE("EmulatedExpertsAgreeWithTheCpu") { check_products(expert_cases()); }

TEST_CASE("EmulatedBiasGradientsAreTheSameInEveryOrderOfThreads") {
    for (const auto& c : {linear_cases()[3], expert_cases()[1]}) {
        const OpResult forward = run(c, DType::bf16, emulated_matrix_table());
        const simt::ScopedOrder reverse(simt::Order::reverse);
        const OpResult backward = run(c, DType::bf16, emulated_matrix_table());
        CHECK(forward.outputs == backward.outputs);
        CHECK(forward.gradients == backward.gradients);
    }
}

}  // namespace headroom::test
