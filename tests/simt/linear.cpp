#include "kernels/device/simt.h"
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
